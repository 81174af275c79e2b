"""Where Redis is: one server by its URL, or the master that Sentinels name; for our client and for Celery's.

    redis://user:password@host:6379/0                                      rediss:// with TLS
    redis+sentinel://user:password@host:26379,host:26379/name/0            rediss+sentinel:// with TLS to the servers

Of a query, Sentinel URLs know `sentinel_username`, `sentinel_password`, and for TLS `ssl_cert_reqs`, `ssl_ca_certs`,
`ssl_certfile` and `ssl_keyfile`; the others know what the library knows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote, urlsplit

import redis
from redis.sentinel import Sentinel

from producer.contract.errors import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Mapping

_SENTINEL_SCHEMES = ("redis+sentinel", "rediss+sentinel")
_SENTINEL_PORT = 26379
_TLS = ("ssl_cert_reqs", "ssl_ca_certs", "ssl_certfile", "ssl_keyfile")


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
