"""A Redis that is down, full, loading or a replica: the API says `unavailable`, stays up, and goes on by itself."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
import redis
from pydantic import SecretStr

from producer.backends.celery_queue import CeleryQueue
from producer.backends.memory_objects import MemoryObjectStore
from producer.backends.redis_store import RedisJobStore
from producer.connect import connect
from producer.direct import Producer
from producer.settings import Settings
from tests.acceptance.conftest import SECRET
from tests.contract.job_stores import CPU
from tests.integration.conftest import LIMITS
from tests.integration.serving import PNG, serving, taken
from tests.servers.process import free_port, wait_until
from tests.servers.redis import RedisServer
from tests.servers.redis import redis_server as start_redis

READS = (
    ("GET", "/v1/jobs/{job}"),
    ("GET", "/v1/jobs/{job}/events"),
    ("GET", "/v1/jobs/{job}/result"),
    ("GET", "/v1/jobs/{job}/pages/1"),
    ("GET", "/v1/jobs/{job}/files/00001.json"),
    ("GET", "/v1/dead-letters"),
    ("GET", "/v1/dead-letters/{job}"),
    ("GET", "/v1/webhook-deliveries?job_id={job}"),
)
# A script that begins with a deletion may go on in a full Redis: it takes memory back.
GROWING = (("POST", "/v1/jobs"), ("POST", "/v1/jobs/{ended}/retry"), ("GET", "/health/ready"))
WRITES = (
    *GROWING,
    ("POST", "/v1/jobs/{job}/cancel"),
    ("POST", "/v1/webhook-deliveries/evt_{ended}/redeliver"),
    ("DELETE", "/v1/jobs/{job}"),
)


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:  # its own: it is broken here
    with start_redis(fsync="always") as server:
        yield server


@pytest.fixture
def admin(server: RedisServer) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(server.url) as client:
        client.flushall()
        yield client


@pytest.fixture
def store(server: RedisServer, admin: redis.Redis) -> Iterator[RedisJobStore]:
    store = RedisJobStore(server.url)
    yield store
    store.close()


@pytest.fixture
def http(server: RedisServer, store: RedisJobStore) -> Iterator[httpx.Client]:
    producer = Producer(store, MemoryObjectStore(), CeleryQueue(server.url), LIMITS)
    with serving(producer, Settings()) as address, httpx.Client(base_url=address, timeout=30) as client:
        yield client
    producer.close()


class Api:
    """The API with one waiting job and one that was cancelled, whose end is to be told."""

    def __init__(self, http: httpx.Client) -> None:
        self.http = http
        self.job = self.submit().json()["id"]
        self.ended = self.submit(webhook=True).json()["id"]
        http.post(f"/v1/jobs/{self.ended}/cancel")

    def submit(self, *, webhook: bool = False) -> httpx.Response:
        request = '{"webhook": {"url": "https://example.org"}}' if webhook else "{}"
        return self.http.post("/v1/jobs", files={"file": ("page.png", PNG), "request": (None, request)})

    def call(self, method: str, path: str) -> httpx.Response:
        if (method, path) == ("POST", "/v1/jobs"):
            return self.submit()
        return self.http.request(method, path.format(job=self.job, ended=self.ended))

    def check_unavailable(self, *calls: tuple[str, str]) -> None:
        for method, path in calls:
            answer = self.call(method, path)
            assert (answer.status_code, answer.json()["error"]["code"]) == (503, "unavailable"), (path, answer.text)
            assert int(answer.headers["Retry-After"]) > 0
        assert self.http.get("/health/live").status_code == 200

    def check_goes_on(self) -> None:
        wait_until(lambda: self.http.get("/health/ready").status_code == 200, lambda: "it does not become ready")
        assert self.http.get(f"/v1/jobs/{self.job}").json()["status"] == "queued"
        assert self.submit().status_code == 202
        assert self.http.post(f"/v1/jobs/{self.ended}/retry").status_code == 202


@pytest.fixture
def api(http: httpx.Client) -> Api:
    return Api(http)


def test_redis_is_down(api: Api, server: RedisServer) -> None:
    server.kill()
    api.check_unavailable(*READS, *WRITES)
    server.restart()
    api.check_goes_on()


def test_redis_is_full(api: Api, admin: redis.Redis, store: RedisJobStore) -> None:
    keys = set(admin.keys("ocrfleet:job:*"))
    admin.config_set("maxmemory-policy", "noeviction")
    admin.config_set("maxmemory", 1)
    api.check_unavailable(*GROWING)
    assert api.call("GET", "/v1/jobs/{job}").json()["status"] == "queued"
    assert set(admin.keys("ocrfleet:job:*")) == keys  # no half-written job
    admin.config_set("maxmemory", 0)
    api.check_goes_on()
    assert taken(store, api.job)


def test_redis_is_full_in_the_middle_of_a_unit(api: Api, admin: redis.Redis, store: RedisJobStore) -> None:
    lease = taken(store, api.job)
    admin.config_set("maxmemory", 1)
    changes: tuple[Callable[[], object], ...] = (
        lambda: store.leases.claim(CPU, lease_s=60),
        lambda: store.leases.page(lease, 1),
        lambda: store.leases.begin(lease, 1),
    )
    for change in changes:
        with pytest.raises(Exception, match="cannot write now"):
            change()
    admin.config_set("maxmemory", 0)
    assert store.leases.page(lease, 1).state == "held"
    assert store.jobs.get(api.job).job.progress.pages_done == 1


def test_redis_is_a_replica(api: Api, admin: redis.Redis) -> None:
    admin.replicaof("127.0.0.1", free_port())
    api.check_unavailable(*WRITES)
    assert api.call("GET", "/v1/jobs/{job}").json()["status"] == "queued"
    admin.config_set("replica-serve-stale-data", "no")
    api.check_unavailable(*READS, *WRITES)
    admin.replicaof("NO", "ONE")
    admin.config_set("replica-serve-stale-data", "yes")
    api.check_goes_on()


def test_redis_is_loading(api: Api, admin: redis.Redis, server: RedisServer) -> None:
    with admin.pipeline(transaction=False) as pipeline:
        for number in range(40_000):
            pipeline.set(f"filler:{number}", "")
        pipeline.execute()
    server.restart("--key-load-delay", "1")  # some 60 us with the call; it answers after each 1024 keys
    api.check_unavailable(("GET", "/health/ready"))
    api.check_goes_on()


def test_a_busy_script_makes_the_others_wait_and_then_they_go_on(
    api: Api, admin: redis.Redis, server: RedisServer
) -> None:
    """`BUSY` is answered once a script has run for `busy-reply-threshold`; ours never do, another's may."""
    admin.config_set("busy-reply-threshold", 1)
    impatient = redis.Redis.from_url(server.url, socket_timeout=0.05, retry=None)
    with impatient, pytest.raises(redis.exceptions.TimeoutError):
        impatient.eval("while true do end", 0)
    api.check_unavailable(("GET", "/v1/jobs/{job}"), ("POST", "/v1/jobs"), ("GET", "/health/ready"))
    admin.script_kill()
    api.check_goes_on()


@pytest.fixture
def shipped(admin: redis.Redis, server: RedisServer, tmp_path: Path) -> Iterator[Api]:
    """The API wired as `ocrfleet api` is."""
    settings = Settings(redis_url=server.url, store_url=tmp_path.as_uri(), webhook_secret=SecretStr(SECRET))
    producer = connect(settings)
    with serving(producer, settings) as address, httpx.Client(base_url=address, timeout=60) as http:
        yield Api(http)
    producer.close()


# 5 and 2 s where nothing else runs; 30 s and more where the time of a call is not bounded.
@pytest.mark.parametrize(("path", "within_s"), [("/v1/jobs/{job}", 10.0), ("/health/ready", 4.0)])
def test_redis_that_hangs_is_given_up_in_seconds_and_then_it_goes_on(
    shipped: Api, server: RedisServer, path: str, within_s: float
) -> None:
    server.pause()
    began = time.monotonic()
    shipped.check_unavailable(("GET", path))
    took_s = time.monotonic() - began
    server.resume()
    shipped.check_goes_on()
    assert took_s < within_s


def test_redis_that_hangs_for_a_moment_is_waited_for(shipped: Api, server: RedisServer) -> None:
    server.pause()
    thaw = threading.Timer(3.5, server.resume)  # longer than one try
    thaw.start()
    answer = shipped.call("GET", "/v1/jobs/{job}")
    thaw.join()
    assert answer.status_code == 200, answer.text
