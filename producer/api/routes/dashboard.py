"""The dashboard's own files, to everybody: what they show they ask of the API, with the caller's key."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.resources import files
from pathlib import PurePath
from typing import Annotated

from fastapi import APIRouter, Header, Response

from producer.contract.errors import NotFound

PREFIX = "/dashboard/"
_MEDIA_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
# Nothing from elsewhere, nothing inline, no text that becomes markup; pictures are fetched with the key, and are blobs.
_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)


@dataclass(frozen=True, kw_only=True, slots=True)
class _File:
    """One file with what its answer says of it."""

    body: bytes
    media_type: str
    etag: str


def dashboard_router() -> APIRouter:
    """The routes, with every file read once."""
    router = APIRouter(include_in_schema=False)
    kept = {name: _read(name) for name in _names()}

    def answer(name: str, known: str | None) -> Response:
        if name not in kept:
            raise NotFound(f"the dashboard has no file {name[:80]!r}")
        file = kept[name]
        headers = {
            "Content-Security-Policy": _POLICY,
            "Cache-Control": "no-cache",
            "ETag": file.etag,
        }
        if known == file.etag:
            return Response(status_code=304, headers=headers)
        return Response(file.body, media_type=file.media_type, headers=headers)

    @router.get("/")
    def index(if_none_match: Annotated[str | None, Header()] = None) -> Response:
        """The page."""
        return answer("index.html", if_none_match)

    @router.get(PREFIX + "{name}")
    def asset(name: str, if_none_match: Annotated[str | None, Header()] = None) -> Response:
        """What the page is made of."""
        return answer(name, if_none_match)

    return router


def _names() -> list[str]:
    folder = files("producer.api") / "dashboard"
    return [entry.name for entry in folder.iterdir() if PurePath(entry.name).suffix in _MEDIA_TYPES]


def _read(name: str) -> _File:
    body = (files("producer.api") / "dashboard" / name).read_bytes()
    digest = hashlib.sha256(body).hexdigest()[:32]
    return _File(body=body, media_type=_MEDIA_TYPES[PurePath(name).suffix], etag=f'"{digest}"')
