"""Who may ask for what: the key of a request, its scope and its share, before anything of the request is read."""

from __future__ import annotations

import hmac
import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

from fastapi import Request
from pydantic import SecretStr
from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Receive, Scope, Send

from producer.api.answers import answer_of
from producer.contract.errors import Forbidden, OcrFleetError, RateLimited, Unauthorized
from producer.contract.keys import ApiKey, Tenant
from producer.contract.keys import Scope as KeyScope
from producer.keyring import KeyRing
from producer.settings import Settings

# Nothing of anybody's is at these: health, and pages that ask for a key themselves.
_OPEN_PATHS = frozenset({"/", "/health", "/health/live", "/health/ready", "/docs", "/openapi.json"})
_OPEN_FOLDERS = ("/dashboard/", "/docs/")
_ADMIN_FOLDERS = ("/v1/keys",)
_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_LOOPBACK_NAMES = frozenset({"localhost"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Access:
    """How the API decides who may ask. operator_key: the one of OCRFLEET_API_KEY, which may do all as the owner ''."""

    is_open: bool
    operator_key: SecretStr | None
    requests_per_minute: int | None
    pages_in_flight: int | None

    @classmethod
    def of(cls, settings: Settings) -> Access:
        return cls(
            is_open=settings.api_key is None and not settings.api_keys_required,
            operator_key=settings.api_key,
            requests_per_minute=settings.requests_per_minute,
            pages_in_flight=settings.pages_in_flight,
        )


class Guard:
    """ASGI middleware. A path is closed unless it is listed as open; what changes anything needs another scope.

    Puts the caller's `Tenant` into the state of the request.
    """

    def __init__(self, app: ASGIApp, *, access: Access, keys: KeyRing) -> None:
        self._app = app
        self._access = access
        self._keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not _is_open(scope["path"]):
            request = Request(scope)
            try:
                request.state.tenant = await self._admitted(request)
            except OcrFleetError as error:
                await answer_of(error, request)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    async def _admitted(self, request: Request) -> Tenant:
        """Raises: Unauthorized, Forbidden, RateLimited, Unavailable."""
        access = self._access
        if access.is_open:
            _refuse_other_sites(request)
            return Tenant(pages_in_flight=access.pages_in_flight, is_admin=True)
        sent = _bearer(request)
        if access.operator_key and hmac.compare_digest(sent.encode(), access.operator_key.get_secret_value().encode()):
            return Tenant(pages_in_flight=access.pages_in_flight, is_admin=True)
        return await run_in_threadpool(self._tenant_of, sent, _needed(request))

    def _tenant_of(self, sent: str, needed: KeyScope) -> Tenant:
        key = self._keys.recognise(sent)
        if needed not in key.scopes:
            raise Forbidden(f"API key {key.id} may not {needed}; create one that may with `ocrfleet keys create`")
        self._count(key)
        pages_in_flight = key.pages_in_flight or self._access.pages_in_flight
        return Tenant(owner=key.owner, pages_in_flight=pages_in_flight, is_admin=KeyScope.ADMIN in key.scopes)

    def _count(self, key: ApiKey) -> None:
        per_minute = key.requests_per_minute or self._access.requests_per_minute
        wait_s = self._keys.admit(key.id, per_minute=per_minute) if per_minute else 0
        if wait_s:
            raise RateLimited(f"API key {key.id} may ask {per_minute} times a minute; wait", retry_after_s=wait_s)


def _is_open(path: str) -> bool:
    return path in _OPEN_PATHS or path.startswith(_OPEN_FOLDERS)


def _needed(request: Request) -> KeyScope:
    if request.url.path.startswith(_ADMIN_FOLDERS):
        return KeyScope.ADMIN
    return KeyScope.READ if request.method in _READING else KeyScope.SUBMIT


def _bearer(request: Request) -> str:
    scheme, _, sent = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise Unauthorized()
    return sent.strip()


def _refuse_other_sites(request: Request) -> None:
    """Without keys the API trusts this machine, and a browser on it shows pages of anybody.

    A page of another site can send a form here, and with a name that it points to this machine (DNS rebinding) read the
    answer. Both say in a header who they are. Raises: Forbidden.
    """
    origin = request.headers.get("Origin")
    hosts = [request.headers.get("Host", "localhost"), *([] if origin is None else [urlsplit(origin).netloc])]
    if not all(_is_this_machine(host) for host in hosts):
        raise Forbidden(
            "without API keys the service answers to names of this machine only, such as localhost; "
            "set OCRFLEET_API_KEYS_REQUIRED=1 and create keys to use another name"
        )


def _is_this_machine(host: str) -> bool:
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    return is_loopback(name)


def is_loopback(name: str) -> bool:
    """Whether a host name or address can only be this machine."""
    if name in _LOOPBACK_NAMES:
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
