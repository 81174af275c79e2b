"""Where Redis is: one server by its URL, or the master that Sentinels name; for our client and for Celery's.

    redis://user:password@host:6379/0                                      rediss:// with TLS
    redis+sentinel://user:password@host:26379,host:26379/name/0            rediss+sentinel:// with TLS to the servers

Of a query, Sentinel URLs know `sentinel_username`, `sentinel_password`, and for TLS `ssl_cert_reqs`, `ssl_ca_certs`,
`ssl_certfile` and `ssl_keyfile`; the others know what the library knows.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import parse_qsl, unquote, urlsplit

import redis
from redis.backoff import ExponentialBackoff
from redis.retry import Retry
from redis.sentinel import Sentinel

from producer.contract.errors import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_SENTINEL_SCHEMES = ("redis+sentinel", "rediss+sentinel")
_SENTINEL_PORT = 26379
_TLS = ("ssl_cert_reqs", "ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
_RETRIES = 2  # one rides over a dropped idle connection
_CONNECT_S = 5.0
_T = TypeVar("_T")


@dataclass(frozen=True, kw_only=True, slots=True)
class BrokerAddress:
    """The same for Celery: its URL, and what its transport must be told besides. tls: None: as the URL says."""

    url: str
    options: Mapping[str, object]
    tls: Mapping[str, str] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class _Watched:
    """A master under Sentinels."""

    sentinels: tuple[tuple[str, int], ...]
    name: str
    database: int
    server: Mapping[str, object]  # how the master wants to be spoken to
    tls: Mapping[str, str] | None
    sentinel: Mapping[str, object]  # how the Sentinels do


class _RetryWithin(Retry):
    """Tries again soon, but not once `begin_s` are over since the first try: a server that hangs costs each its time.

    Safe to share between threads.
    """

    def __init__(self, begin_s: float) -> None:
        super().__init__(ExponentialBackoff(cap=0.5, base=0.05), retries=_RETRIES)
        self._begin_s = begin_s

    # Any, of what the failed call is told: the client has two forms of it.
    def call_with_retry(
        self,
        do: Callable[[], _T],
        fail: Callable[..., Any],
        is_retryable: Callable[[Exception], bool] | None = None,
        with_failure_count: bool = False,
    ) -> _T:
        until = time.monotonic() + self._begin_s

        def is_in_time(error: Exception) -> bool:
            return time.monotonic() < until and (is_retryable is None or is_retryable(error))

        return super().call_with_retry(do, fail, is_in_time, with_failure_count)


def bounded_client(url: str, *, within_s: float, **options: object) -> redis.Redis:
    """A client whose calls are answered, or fail, in about `within_s`: time for two tries of a server that hangs.

    What it calls must be safe to repeat: an answer that was lost is asked for again. Raises: InvalidRequest.
    """
    try_s = within_s / 2
    return client_of(
        url,
        socket_timeout=try_s,
        socket_connect_timeout=min(try_s / 2, _CONNECT_S),
        retry=_RetryWithin(1.5 * try_s),
        **options,
    )


def client_of(url: str, **options: object) -> redis.Redis:
    """A client; behind Sentinels it asks them where the master is whenever it connects.

    options: those of `redis.Redis`. Raises: InvalidRequest: the URL cannot be read.
    """
    if urlsplit(url).scheme not in _SENTINEL_SCHEMES:
        return redis.Redis.from_url(url, **options)
    watched = _watched(url)
    timeouts = {name: value for name, value in options.items() if name.startswith("socket_")}
    settings = {**timeouts, **watched.sentinel}
    sentinel = Sentinel(watched.sentinels, sentinel_kwargs=settings)  # type: ignore[no-untyped-call]  # not typed there
    tls = {"ssl": True, **watched.tls} if watched.tls is not None else {}
    options = {"db": watched.database, **watched.server, **tls, **options}
    client: redis.Redis = sentinel.master_for(watched.name, **options)  # type: ignore[no-untyped-call]  # nor there
    return client


def broker_of(url: str) -> BrokerAddress:
    """Raises: InvalidRequest: the URL cannot be read."""
    parts = urlsplit(url)
    if parts.scheme not in _SENTINEL_SCHEMES:
        return BrokerAddress(url=url, options={})
    watched = _watched(url)
    user = f"{parts.netloc.rpartition('@')[0]}@" if "@" in parts.netloc else ""
    urls = (f"sentinel://{user}{host}:{port}/{watched.database}" for host, port in watched.sentinels)
    options = {"master_name": watched.name, "sentinel_kwargs": dict(watched.sentinel)}
    return BrokerAddress(url=";".join(urls), options=options, tls=watched.tls)


def _watched(url: str) -> _Watched:
    parts = urlsplit(url)
    user, _, hosts = parts.netloc.rpartition("@")
    name, _, database = parts.path.strip("/").partition("/")
    if not name or not hosts or not (database or "0").isdecimal():
        raise InvalidRequest("a Sentinel URL is redis+sentinel://user:password@host:port,host:port/name/database")
    username, _, password = user.partition(":")
    server = {"username": unquote(username) or None, "password": unquote(password) or None}
    query = dict(parse_qsl(parts.query))
    sentinel = {name: query.get(f"sentinel_{name}") for name in ("username", "password")}
    return _Watched(
        sentinels=tuple(_host_and_port(one) for one in hosts.split(",")),
        name=name,
        database=int(database or 0),
        server=server,
        tls=_tls(query) if parts.scheme == "rediss+sentinel" else None,
        sentinel={name: value for name, value in sentinel.items() if value},
    )


def _tls(query: Mapping[str, str]) -> dict[str, str]:
    """Never empty, which Celery would take for no TLS."""
    return {"ssl_cert_reqs": "required"} | {name: query[name] for name in _TLS if name in query}


def _host_and_port(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    return (host, int(port)) if colon and port.isdecimal() else (text, _SENTINEL_PORT)
