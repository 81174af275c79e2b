"""A producer on a real Redis, each test in a database of its own."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import httpx
import pytest
import redis

from producer.backends.celery_queue import CeleryQueue
from producer.backends.memory_objects import MemoryObjectStore
from producer.backends.redis_store import RedisJobStore
from producer.client import OcrFleetClient
from producer.direct import Producer
from producer.intake import ProducerLimits
from producer.settings import Settings
from tests.integration.fetching import Fetching, fetching_system
from tests.integration.serving import serving
from tests.integration.web_site import web_site
from tests.servers.redis import RedisServer

LIMITS = ProducerLimits(
    max_file_bytes=1_000_000, max_open_jobs=1000, job_ttl_s=3600, result_ttl_s=3600, webhooks_signed=True
)
_numbers = count(1)


@pytest.fixture
def redis_url(redis_server: RedisServer) -> str:
    """An empty database."""
    url = redis_server.database_url(next(_numbers) % 16)
    with redis.Redis.from_url(url) as client:
        client.flushdb()
    return url


@pytest.fixture
def store(redis_url: str) -> Iterator[RedisJobStore]:
    store = RedisJobStore(redis_url)
    yield store
    store.close()


@pytest.fixture
def objects() -> MemoryObjectStore:
    return MemoryObjectStore()


@pytest.fixture
def producer(store: RedisJobStore, objects: MemoryObjectStore, redis_url: str) -> Iterator[Producer]:
    producer = Producer(store, objects, CeleryQueue(redis_url), LIMITS)
    yield producer
    producer.close()


@pytest.fixture
def server(producer: Producer) -> Iterator[str]:
    with serving(producer, Settings(max_file_bytes=1_000_000)) as address:
        yield address


@pytest.fixture
def http(server: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server, timeout=10) as client:
        yield client


@pytest.fixture
def client(server: str) -> Iterator[OcrFleetClient]:
    with OcrFleetClient(server) as client:
        yield client


@pytest.fixture
def fetching() -> Fetching:
    return fetching_system()


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    with web_site() as address:
        yield address
