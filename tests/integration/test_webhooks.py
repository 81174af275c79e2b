"""Webhook delivery against a real receiver: signature, outcomes, and addresses that must not be reached."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import redis
from standardwebhooks import Webhook

from producer.backends.redis_store import PREFIX, RedisJobStore
from producer.contract.jobs import JobState
from producer.contract.webhooks import DeliveryRecord, DeliveryState, event_id
from tests.contract.job_stores import CPU, new_job
from workers.deliver import WebhookDelivery

SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()


class Answering:
    """A receiver that gives the statuses it was told to, and keeps what it got."""

    def __init__(self, url: str, statuses: list[int], headers: dict[str, str]) -> None:
        self.url = url
        self.statuses = statuses
        self.headers = headers
        self.got: list[tuple[dict[str, str], bytes]] = []


@contextmanager
def answering(*statuses: int, **headers: str) -> Iterator[Answering]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(receiver.statuses.pop(0))
            for name, value in receiver.headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver = Answering(f"http://127.0.0.1:{server.server_port}/hook", list(statuses), headers)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def ended_job(store: RedisJobStore, url: str) -> str:
    """The event id of a job that has ended."""
    job_id = store.jobs.submit(new_job({"webhook": {"url": url}})).job_id
    claim = store.leases.claim(CPU, lease_s=60)
    assert claim is not None
    store.leases.finish(claim.lease, JobState.SUCCEEDED, error=None, outputs={}, is_dead=False)
    return event_id(job_id, 0)


def kept(store: RedisJobStore, event: str) -> DeliveryRecord:
    [record] = store.outbox.deliveries(event.removeprefix("evt_"))
    return record


def make_due(redis_url: str, event: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        client.hset(f"{PREFIX}webhook:{event}", "claimed_until_ms", 0)


@pytest.fixture
def webhooks(store: RedisJobStore) -> WebhookDelivery:
    return WebhookDelivery(store, secret=SECRET, allow_private_urls=True)


def test_a_delivery_is_signed_and_holds_the_job(
    store: RedisJobStore, webhooks: WebhookDelivery, redis_url: str
) -> None:
    with answering(204) as receiver:
        event = ended_job(store, receiver.url)
        webhooks.deliver(event)
        webhooks.deliver(event)
    [(headers, body)] = receiver.got
    message = Webhook(SECRET).verify(body, headers)
    assert (message["type"], message["data"]["id"], message["data"]["status"]) == (
        "job.succeeded",
        event.removeprefix("evt_"),
        "succeeded",
    )
    assert headers["webhook-id"] == event
    assert len(body) < 20_000
    assert kept(store, event).state is DeliveryState.DELIVERED


def test_a_failed_delivery_is_repeated_with_the_same_id_and_bytes(
    store: RedisJobStore, webhooks: WebhookDelivery, redis_url: str
) -> None:
    with answering(500, 302, 200) as receiver:
        event = ended_job(store, receiver.url)
        for _ in range(3):
            webhooks.deliver(event)
            webhooks.deliver(event)  # not due: nothing is sent
            make_due(redis_url, event)
    assert len(receiver.got) == 3
    assert len({body for _, body in receiver.got}) == 1
    assert {headers["webhook-id"] for headers, _ in receiver.got} == {event}
    assert kept(store, event).state is DeliveryState.DELIVERED


def test_a_receiver_that_is_gone_is_told_no_more(
    store: RedisJobStore, webhooks: WebhookDelivery, redis_url: str
) -> None:
    with answering(410) as receiver:
        event = ended_job(store, receiver.url)
        webhooks.deliver(event)
        other = ended_job(store, receiver.url)
        webhooks.deliver(other)
    assert len(receiver.got) == 1
    assert kept(store, event).state is kept(store, other).state is DeliveryState.DISABLED


def test_retry_after_is_honoured(store: RedisJobStore, webhooks: WebhookDelivery, redis_url: str) -> None:
    with answering(503, Retry_After="3600") as receiver:
        event = ended_job(store, receiver.url)
        webhooks.deliver(event)
    settled = kept(store, event)
    assert (settled.state, settled.log[0].status) == (DeliveryState.PENDING, 503)
    assert settled.next_attempt_at is not None
    assert settled.next_attempt_at - settled.log[0].at == timedelta(hours=1)


def test_a_receiver_that_does_not_answer_is_tried_again(
    store: RedisJobStore, webhooks: WebhookDelivery, redis_url: str
) -> None:
    event = ended_job(store, "http://127.0.0.1:1/nobody")
    webhooks.deliver(event)
    settled = kept(store, event)
    assert (settled.state, settled.log[0].status) == (DeliveryState.PENDING, None)
    assert "ConnectError" in settled.log[0].error


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "2130706433", "0x7f000001", "[::ffff:127.0.0.1]"])
def test_an_address_inside_is_never_reached(store: RedisJobStore, redis_url: str, host: str) -> None:
    guarded = WebhookDelivery(store, secret=SECRET, allow_private_urls=False)
    with answering(200) as receiver:
        port = receiver.url.rpartition(":")[2].partition("/")[0]
        event = ended_job(store, f"http://{host}:{port}/hook")
        guarded.deliver(event)
    assert receiver.got == []
    assert kept(store, event).state is DeliveryState.PENDING
    assert "private" in kept(store, event).log[0].error
