"""An object store that takes connections and never answers: what does not need it is answered, and it is told."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler

import httpx
import pytest

from producer.api.bounded_objects import CALLS_AT_ONCE, SILENCE_S, BoundedObjectStore
from producer.backends.memory_objects import MemoryObjectStore
from producer.connect import connect
from producer.contract.errors import NotFound, Unavailable
from producer.settings import Settings
from tests.integration.serving import PNG, serving
from tests.servers.http import listening
from tests.servers.process import wait_until

BUSY_S = 8.0  # what takes 2 to 4 s, on a busy machine; a store that hangs is given up by a call after a minute
MANY = 45  # more than the API has threads


class HangingStore:
    """A server that any bucket and any object is in, until it hangs."""

    def __init__(self) -> None:
        self.answers = threading.Event()
        self.answers.set()
        self.waiting: list[str] = []  # the methods of requests that it has not answered
        store = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                store.waiting.append(self.command)
                store.answers.wait()
                store.waiting.remove(self.command)
                body = b'{"page":1}' if self.command == "GET" else b""
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_PUT = do_HEAD = answer  # noqa: N815  the names that the base class looks for

            def log_message(self, *args: object) -> None:
                """Nothing."""

        self.handler = Handler

    @contextmanager
    def hanging(self) -> Iterator[None]:
        self.answers.clear()
        try:
            yield
        finally:
            self.answers.set()


@pytest.fixture
def s3() -> HangingStore:
    return HangingStore()


@pytest.fixture
def http(s3: HangingStore, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[httpx.Client]:
    """The API wired as `ocrfleet api` is."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "sesame")
    with listening(s3.handler) as endpoint:
        settings = Settings(redis_url=redis_url, store_url="s3://bucket", s3_endpoint_url=endpoint)
        producer = connect(settings)
        limits = httpx.Limits(max_connections=None)
        with serving(producer, settings) as address, httpx.Client(base_url=address, timeout=90, limits=limits) as http:
            yield http
        producer.close()


def test_a_store_that_hangs_does_not_take_the_api_with_it(
    http: httpx.Client, s3: HangingStore, caplog: pytest.LogCaptureFixture
) -> None:
    job = http.post("/v1/jobs", files={"file": ("page.png", PNG)}).json()["id"]
    with ThreadPoolExecutor(MANY) as callers, caplog.at_level(logging.WARNING):
        with s3.hanging():
            pages = [callers.submit(http.get, f"/v1/jobs/{job}/pages/1") for _ in range(MANY)]
            wait_until(lambda: len(s3.waiting) >= CALLS_AT_ONCE, lambda: f"{len(s3.waiting)} wait")
            assert http.get("/health/live", timeout=BUSY_S).status_code == 200
            assert http.get(f"/v1/jobs/{job}", timeout=BUSY_S).json()["status"] == "queued"
            assert len(s3.waiting) == CALLS_AT_ONCE
            ready = http.get("/health/ready", timeout=BUSY_S)
            wait_until(
                lambda: sum(page.done() for page in pages) == MANY - CALLS_AT_ONCE, lambda: "others wait as well"
            )
        answers = [page.result() for page in pages]
    assert ready.status_code == 503
    assert "object store" in ready.json()["error"]["message"]
    refused = [answer for answer in answers if answer.status_code != 200]
    assert len(refused) == MANY - CALLS_AT_ONCE
    for answer in refused:
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "unavailable")
        assert int(answer.headers["Retry-After"]) > 0
    assert "pool is full" not in caplog.text
    wait_until(lambda: http.get("/health/ready").status_code == 200, lambda: "it does not become ready")
    assert http.get(f"/v1/jobs/{job}/pages/1").json() == {"page": 1}


def test_probes_of_a_store_that_hangs_do_not_pile_up(http: httpx.Client, s3: HangingStore) -> None:
    with s3.hanging(), ThreadPoolExecutor(MANY) as probes:
        for answer in probes.map(lambda _: http.get("/health/ready", timeout=BUSY_S), range(MANY)):
            assert answer.status_code == 503
            assert "object store" in answer.json()["error"]["message"]
        assert s3.waiting == ["HEAD"]


class SlowStore(MemoryObjectStore):
    """It answers each call after a moment."""

    def __init__(self) -> None:
        super().__init__()
        self.running = self.most = 0
        self._lock = threading.Lock()

    def get(self, key: str) -> bytes:
        with self._lock:
            self.running += 1
            self.most = max(self.most, self.running)
        time.sleep(SILENCE_S / 4)
        with self._lock:
            self.running -= 1
        return super().get(key)


def test_calls_wait_for_their_turn_while_others_are_answered() -> None:
    slow = SlowStore()
    objects = BoundedObjectStore(slow)
    objects.put("jobs/1/page", b"text", media_type="text/plain")
    many = CALLS_AT_ONCE * 6  # the last wait longer than for a store that is silent
    with ThreadPoolExecutor(many) as callers:
        assert set(callers.map(objects.get, ["jobs/1/page"] * many)) == {b"text"}
    assert slow.most == CALLS_AT_ONCE


class LockedStore(MemoryObjectStore):
    """It answers no call until it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.let = threading.Event()

    def get(self, key: str) -> bytes:
        self.let.wait()
        raise NotFound


def test_nobody_waits_for_a_store_that_has_been_silent() -> None:
    locked = LockedStore()
    objects = BoundedObjectStore(locked)
    with ThreadPoolExecutor(CALLS_AT_ONCE) as callers:
        calls = [callers.submit(objects.get, "jobs/1/page") for _ in range(CALLS_AT_ONCE)]
        try:
            time.sleep(SILENCE_S + 0.5)
            began = time.monotonic()
            with pytest.raises(Unavailable, match="object store"):
                objects.head("jobs/1/page")
            took_s = time.monotonic() - began
        finally:
            locked.let.set()
    assert took_s < SILENCE_S / 2
    assert all(isinstance(call.exception(), NotFound) for call in calls)
