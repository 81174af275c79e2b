"""Webhook delivery against a real receiver: signature, outcomes, and addresses that must not be reached."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import redis
from standardwebhooks import Webhook

from producer.backends.redis_jobs import RedisJobStore
from producer.contract.jobs import JobState
from producer.contract.leases import Lease
from tests.integration.test_job_store import new_job
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


def ended_job(jobs: RedisJobStore, url: str) -> str:
    job_id, _ = jobs.submit(new_job({"webhook": {"url": url}}))
    lease = jobs.claim(job_id, holder="h", device="cpu", lease_s=60, max_attempts=3)
    assert isinstance(lease, Lease)
    jobs.finish(lease, JobState.SUCCEEDED, error=None, outputs={})
    return job_id


def row(redis_url: str, job_id: str) -> dict[str, str]:
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        return {str(k): str(v) for k, v in client.hgetall(f"ocrfleet:job:{job_id}:webhook").items()}


def make_due(redis_url: str, job_id: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        client.hset(f"ocrfleet:job:{job_id}:webhook", "claimed_until_ms", 0)


@pytest.fixture
def webhooks(jobs: RedisJobStore) -> WebhookDelivery:
    return WebhookDelivery(jobs, secret=SECRET, allow_private_urls=True)


def test_a_delivery_is_signed_and_holds_the_job(jobs: RedisJobStore, webhooks: WebhookDelivery, redis_url: str) -> None:
    with answering(204) as receiver:
        job_id = ended_job(jobs, receiver.url)
        webhooks.deliver(job_id)
        webhooks.deliver(job_id)
    [(headers, body)] = receiver.got
    message = Webhook(SECRET).verify(body, headers)
    assert (message["type"], message["data"]["id"], message["data"]["status"]) == ("job.succeeded", job_id, "succeeded")
    assert headers["webhook-id"] == f"evt_{job_id}"
    assert len(body) < 20_000
    assert row(redis_url, job_id)["state"] == "delivered"


def test_a_failed_delivery_is_repeated_with_the_same_id_and_bytes(
    jobs: RedisJobStore, webhooks: WebhookDelivery, redis_url: str
) -> None:
    with answering(500, 302, 200) as receiver:
        job_id = ended_job(jobs, receiver.url)
        for _ in range(3):
            webhooks.deliver(job_id)
            webhooks.deliver(job_id)  # not due: nothing is sent
            make_due(redis_url, job_id)
    assert len(receiver.got) == 3
    assert len({body for _, body in receiver.got}) == 1
    assert {headers["webhook-id"] for headers, _ in receiver.got} == {f"evt_{job_id}"}
    assert row(redis_url, job_id)["state"] == "delivered"


def test_a_receiver_that_is_gone_is_told_no_more(
    jobs: RedisJobStore, webhooks: WebhookDelivery, redis_url: str
) -> None:
    with answering(410) as receiver:
        job_id = ended_job(jobs, receiver.url)
        webhooks.deliver(job_id)
    assert row(redis_url, job_id)["state"] == "given_up"


def test_retry_after_is_honoured(jobs: RedisJobStore, webhooks: WebhookDelivery, redis_url: str) -> None:
    with answering(503, Retry_After="3600") as receiver:
        job_id = ended_job(jobs, receiver.url)
        webhooks.deliver(job_id)
    settled = row(redis_url, job_id)
    assert (settled["state"], settled["last_status"]) == ("pending", "503")
    assert int(settled["claimed_until_ms"]) - int(settled["last_ms"]) == 3_600_000


def test_a_receiver_that_does_not_answer_is_tried_again(
    jobs: RedisJobStore, webhooks: WebhookDelivery, redis_url: str
) -> None:
    job_id = ended_job(jobs, "http://127.0.0.1:1/nobody")
    webhooks.deliver(job_id)
    settled = row(redis_url, job_id)
    assert (settled["state"], settled["last_status"]) == ("pending", "")
    assert "ConnectError" in settled["last_error"]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "2130706433", "0x7f000001", "[::ffff:127.0.0.1]"])
def test_an_address_inside_is_never_reached(jobs: RedisJobStore, redis_url: str, host: str) -> None:
    guarded = WebhookDelivery(jobs, secret=SECRET, allow_private_urls=False)
    with answering(200) as receiver:
        port = receiver.url.rpartition(":")[2].partition("/")[0]
        job_id = ended_job(jobs, f"http://{host}:{port}/hook")
        guarded.deliver(job_id)
    assert receiver.got == []
    assert row(redis_url, job_id)["state"] == "pending"
    assert "private" in row(redis_url, job_id)["last_error"]
