"""Wiring: settings to a Producer."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from producer.backends.objects import open_object_store
from producer.contract.errors import InvalidRequest, Unavailable
from producer.contract.ports import ObjectStore
from producer.remote import RemoteRules
from producer.settings import Settings, load_settings

_REDIS = ("redis://", "rediss://", "unix://", "redis+sentinel://", "rediss+sentinel://")

if TYPE_CHECKING:
    from producer.backends.celery_queue import CeleryQueue
    from producer.direct import Producer
    from producer.recover import Recovery


_ANSWER_S = 5.0  # somebody waits for the answer of a Producer, and can ask again


def connect(settings: Settings | None = None) -> Producer:
    """A Producer on the Redis and the object store of the settings. Raises: Unavailable when none are set."""
    # Loaded here: who speaks HTTP to a server needs neither Celery nor Redis, and both are slow to import.
    from producer.backends.redis_store import RedisJobStore
    from producer.direct import Producer
    from producer.intake import ProducerLimits

    settings = settings or load_settings()
    redis_url, _ = addresses(settings)
    limits = ProducerLimits(
        max_file_bytes=settings.max_file_bytes,
        max_open_jobs=settings.max_open_jobs,
        job_ttl_s=settings.job_ttl_s,
        result_ttl_s=settings.result_ttl_s,
        webhooks_signed=settings.webhook_secret is not None,
        upload_ttl_s=settings.upload_ttl_s,
        remote=remote_rules(settings),
        refuses_unserved=settings.unserved == "refuse",
    )
    store = RedisJobStore(redis_url, within_s=_ANSWER_S)
    return Producer(store, connect_objects(settings), connect_queue(settings), limits)


def remote_rules(settings: Settings) -> RemoteRules:
    """Where documents may come from."""
    buckets = (name.strip() for name in settings.s3_source_buckets.split(","))
    return RemoteRules(buckets=frozenset(filter(None, buckets)), allow_private_urls=settings.allow_private_urls)


def connect_queue(settings: Settings) -> CeleryQueue:
    """The broker of the settings."""
    from producer.backends.celery_queue import CeleryQueue

    return CeleryQueue(broker_address(settings), visibility_timeout_s=settings.visibility_timeout_s)


def connect_recovery(settings: Settings) -> Recovery:
    """A Recovery on the Redis and the object store of the settings. Raises: Unavailable when none are set."""
    from producer.backends.redis_store import RedisJobStore
    from producer.keyring import KeyRing
    from producer.recover import Recovery

    redis_url, _ = addresses(settings)
    store, objects = RedisJobStore(redis_url), connect_objects(settings)
    return Recovery(store.upkeep, objects, connect_queue(settings), KeyRing(store.keys, objects))


def connect_objects(settings: Settings) -> ObjectStore:
    """The object store of the settings."""
    _, store_url = addresses(settings)
    return open_object_store(store_url, s3_endpoint_url=settings.s3_endpoint_url, s3_region=settings.s3_region)


def connect_bucket(settings: Settings, bucket: str) -> ObjectStore:
    """A bucket that documents are taken from, reached as that of the object store is."""
    return open_object_store(f"s3://{bucket}", s3_endpoint_url=settings.s3_endpoint_url, s3_region=settings.s3_region)


def broker_address(settings: Settings) -> str:
    """Redis of the messages: one of their own, or that of the jobs. Raises: Unavailable, InvalidRequest."""
    if settings.broker_url:
        return _redis_address(settings.broker_url, "OCRFLEET_BROKER_URL")
    return addresses(settings)[0]


def addresses(settings: Settings) -> tuple[str, str]:
    """Redis and store addresses.

    Raises: Unavailable that says how to get a system running; InvalidRequest: Redis has no such address.
    """
    if not settings.redis_url and not settings.store_url:
        raise Unavailable(
            "no running system found: start one with `ocrfleet up`, or set OCRFLEET_SERVER, or "
            "OCRFLEET_REDIS_URL and OCRFLEET_STORE_URL"
        )
    if not settings.redis_url or not settings.store_url:
        given, missing = ("STORE", "REDIS") if settings.store_url else ("REDIS", "STORE")
        raise Unavailable(f"OCRFLEET_{given}_URL is set and OCRFLEET_{missing}_URL is not; set both, or neither")
    return _redis_address(settings.redis_url, "OCRFLEET_REDIS_URL"), settings.store_url


def _redis_address(url: str, setting: str) -> str:
    """The address, which may hold a password and is not shown. Raises: InvalidRequest."""
    if not _names_redis(url):
        begin = ", ".join(_REDIS)
        raise InvalidRequest(f"settings: {setting}: write it as redis://host:6379/0; it may begin with {begin}")
    return url


def _names_redis(url: str) -> bool:
    try:
        return url.startswith(_REDIS) and ("+sentinel:" in url or urlsplit(url).port != 0)
    except ValueError:  # the port is no number
        return False
