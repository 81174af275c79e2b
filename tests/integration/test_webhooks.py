"""Webhook delivery against a real receiver: signature, outcomes, and addresses that must not be reached."""

from __future__ import annotations

import base64
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import redis
from standardwebhooks import Webhook, WebhookVerificationError

from producer.backends.redis_store import PREFIX, RedisJobStore
from producer.contract.jobs import JobError, JobState
from producer.contract.webhooks import SCHEDULE_S, DeliveryRecord, DeliveryState, event_id
from tests.contract.job_stores import CPU, new_job
from workers.deliver import WebhookDelivery

BREAK_OFF = 0  # in place of a status: read the request and hang up
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
            status = receiver.statuses.pop(0)
            if status == BREAK_OFF:
                self.close_connection = True
                return
            self.send_response(status)
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


def pause(delivery: DeliveryRecord) -> timedelta:
    """From the last attempt to the next; none: nothing waits."""
    if delivery.next_attempt_at is None:
        return timedelta(0)
    return delivery.next_attempt_at - delivery.log[-1].at


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


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_retry_after_is_honoured(store: RedisJobStore, webhooks: WebhookDelivery, redis_url: str, status: int) -> None:
    with answering(status, Retry_After="3600") as receiver:
        event = ended_job(store, receiver.url)
        webhooks.deliver(event)
    settled = kept(store, event)
    assert (settled.state, settled.log[0].status) == (DeliveryState.PENDING, status)
    assert pause(settled) == timedelta(hours=1)


@pytest.mark.parametrize(
    ("value", "shortest_s", "longest_s"),
    [
        (timedelta(hours=2), 7000, 7200),
        (timedelta(hours=-2), 4, 6),
        ("99999999999", 86_400, 86_400),
        ("soon", 4, 6),
        ("-5", 4, 6),
        ("1", 4, 6),  # never sooner than the schedule says
    ],
)
def test_retry_after_may_be_a_date_and_is_bounded(
    store: RedisJobStore,
    webhooks: WebhookDelivery,
    value: str | timedelta,
    shortest_s: float,
    longest_s: float,
) -> None:
    """A time span stands for the date so far from now."""
    text = value if isinstance(value, str) else format_datetime(datetime.now(tz=UTC) + value, usegmt=True)
    with answering(503, Retry_After=text) as receiver:
        event = ended_job(store, receiver.url)
        webhooks.deliver(event)
    assert timedelta(seconds=shortest_s) <= pause(kept(store, event)) <= timedelta(seconds=longest_s)


@pytest.mark.parametrize(
    ("status", "state"),
    [
        *((status, DeliveryState.DELIVERED) for status in (200, 201, 202, 204, 299)),
        *((status, DeliveryState.PENDING) for status in (301, 304, 307, 400, 401, 404, 429, 500, 503)),
        (410, DeliveryState.DISABLED),
    ],
)
def test_what_an_answer_means(
    store: RedisJobStore, webhooks: WebhookDelivery, status: int, state: DeliveryState
) -> None:
    with answering(status) as receiver:
        event = ended_job(store, receiver.url)
        webhooks.deliver(event)
    assert (kept(store, event).state, len(receiver.got)) == (state, 1)


def test_a_redirect_is_a_failure_and_nobody_goes_there(store: RedisJobStore, webhooks: WebhookDelivery) -> None:
    with answering(200) as inside, answering(307, Location=inside.url) as receiver:
        event = ended_job(store, receiver.url)
        webhooks.deliver(event)
    assert (len(receiver.got), inside.got) == (1, [])
    assert kept(store, event).log[0].status == 307


def test_the_schedule_ends_and_the_delivery_is_kept_for_redelivery(
    store: RedisJobStore, webhooks: WebhookDelivery, redis_url: str
) -> None:
    with answering(*[500] * len(SCHEDULE_S), 200) as receiver:
        event = ended_job(store, receiver.url)
        pauses = []
        for _ in SCHEDULE_S:
            assert kept(store, event).state is DeliveryState.PENDING
            webhooks.deliver(event)
            pauses.append(pause(kept(store, event)).total_seconds())
            make_due(redis_url, event)
        settled = kept(store, event)
        assert (settled.state, settled.attempts) == (DeliveryState.GIVEN_UP, len(SCHEDULE_S))
        for took, meant in zip(pauses, SCHEDULE_S[1:], strict=False):
            assert 0.79 * meant <= took <= 1.21 * meant
        webhooks.deliver(event)
        assert len(receiver.got) == len(SCHEDULE_S)
        store.outbox.redeliver(event)
        webhooks.deliver(event)
    assert kept(store, event).state is DeliveryState.DELIVERED
    assert [attempt.status for attempt in kept(store, event).log] == [500] * len(SCHEDULE_S) + [200]
    assert {headers["webhook-id"] for headers, _ in receiver.got} == {event}
    assert len({body for _, body in receiver.got}) == 1


def test_every_secret_signs_so_that_receivers_can_change_to_a_new_one(store: RedisJobStore) -> None:
    new = "whsec_" + base64.b64encode(b"n" * 32).decode()
    rotating = WebhookDelivery(store, secret=f"{new} {SECRET}", allow_private_urls=True)
    with answering(200) as receiver:
        rotating.deliver(ended_job(store, receiver.url))
    [(headers, body)] = receiver.got
    assert len(headers["webhook-signature"].split()) == 2
    for secret in (new, SECRET):
        assert Webhook(secret).verify(body, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook("whsec_" + base64.b64encode(b"x" * 32).decode()).verify(body, headers)


def test_a_full_job_stays_under_the_size_that_receivers_expect(store: RedisJobStore, webhooks: WebhookDelivery) -> None:
    with answering(200) as receiver:
        request: dict[str, object] = {"webhook": {"url": receiver.url}, "metadata": {"x": "y" * 4000}, "tag": "t" * 64}
        store.jobs.submit(new_job(request, key="k" * 128))
        claim = store.leases.claim(CPU, lease_s=60)
        assert claim is not None
        error = JobError(code="internal", message="m" * 2000)
        store.leases.finish(claim.lease, JobState.FAILED, error=error, outputs={}, is_dead=False)
        webhooks.deliver(event_id(claim.lease.job_id, 0))
    assert len(receiver.got[0][1]) < 20_000


def test_a_receiver_that_hangs_or_breaks_off_is_tried_again(
    store: RedisJobStore, webhooks: WebhookDelivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.deliver.TIMEOUT_S", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        event = ended_job(store, f"http://127.0.0.1:{silent.getsockname()[1]}/hook")
        webhooks.deliver(event)
    assert kept(store, event).log[0].error == "no answer within 0.3 s"
    with answering(BREAK_OFF) as receiver:
        event = ended_job(store, receiver.url)
        webhooks.deliver(event)
        over_tls = ended_job(store, receiver.url.replace("http://", "https://"))
        webhooks.deliver(over_tls)
    assert len(receiver.got) == 1
    for one in (event, over_tls):
        assert (kept(store, one).state, kept(store, one).log[0].status) == (DeliveryState.PENDING, None)
        assert kept(store, one).log[0].error


def test_a_receiver_that_does_not_answer_is_tried_again(
    store: RedisJobStore, webhooks: WebhookDelivery, redis_url: str
) -> None:
    event = ended_job(store, "http://127.0.0.1:1/nobody")
    webhooks.deliver(event)
    settled = kept(store, event)
    assert (settled.state, settled.log[0].status) == (DeliveryState.PENDING, None)
    assert "ConnectError" in settled.log[0].error


@pytest.mark.parametrize("host", ["a..b.com", "a" * 64 + ".com"])
@pytest.mark.parametrize("allow_private", [True, False])
def test_a_receiver_whose_name_can_be_none_is_given_up_in_time_as_others_are(
    store: RedisJobStore, host: str, allow_private: bool
) -> None:
    event = ended_job(store, f"http://{host}/hook")
    WebhookDelivery(store, secret=SECRET, allow_private_urls=allow_private).deliver(event)
    settled = kept(store, event)
    assert (settled.state, settled.attempts, settled.log[0].status) == (DeliveryState.PENDING, 1, None)


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
