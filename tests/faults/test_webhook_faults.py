"""Webhooks to receivers that misbehave, and to addresses that only we can reach."""

from __future__ import annotations

import gzip
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import count
from typing import Any

import pytest

from producer.backends.redis_store import PREFIX
from producer.contract.jobs import JobState
from producer.contract.leases import Plan
from producer.contract.webhooks import SCHEDULE_S, DeliveryRecord, DeliveryState, event_id
from tests.contract.job_stores import CPU
from tests.faults.bench import Bench
from tests.faults.commands import READ
from tests.faults.receiver import OK, FaultyReceiver, Manner, Reply, faulty_receiver, redirect, try_later
from workers import deliver
from workers.deliver import WebhookDelivery

SECRET = "whsec_" + "c2VjcmV0" * 6
JITTER = 0.2
PUBLIC = "93.184.216.34"


@pytest.fixture
def receiver() -> Iterator[FaultyReceiver]:
    with faulty_receiver(SECRET) as receiver:
        yield receiver


@pytest.fixture
def sender(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> WebhookDelivery:
    """Allowed to reach this machine; gives up on an attempt after a second."""
    monkeypatch.setattr(deliver, "TIMEOUT_S", 1.0)
    return WebhookDelivery(bench.store, secret=SECRET, allow_private_urls=True)


@pytest.fixture
def guarded(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> WebhookDelivery:
    monkeypatch.setattr(deliver, "TIMEOUT_S", 5.0)
    return WebhookDelivery(bench.store, secret=SECRET, allow_private_urls=False)


def ended(bench: Bench, url: str) -> str:
    """A job that has ended and has somebody to tell; its event id."""
    job_id = bench.submit(READ, webhook={"url": url})
    claim = bench.store.leases.claim(CPU, lease_s=60)
    assert claim
    bench.store.leases.plan(claim.lease, Plan(page_count=1, pages_total=1, unit_pages=1))
    bench.store.leases.finish(claim.lease, JobState.SUCCEEDED, error=None, outputs={}, is_dead=False)
    return event_id(job_id, 0)


def kept(bench: Bench, event: str) -> DeliveryRecord:
    (record,) = [one for one in bench.producer.deliveries(event.removeprefix("evt_")) if one.id == event]
    return record


def make_due(bench: Bench, event: str) -> None:
    """Let the wait for the next attempt be over."""
    bench.client.hset(f"{PREFIX}webhook:{event}", "claimed_until_ms", 0)
    bench.client.zadd(f"{PREFIX}webhooks", {event: 0}, xx=True)


FAILURES = {
    "error": Reply(status=500),
    "hang": Reply(manner=Manner.HANG),
    "die": Reply(manner=Manner.DIE),
    "redirect": Reply(status=302),
    "not_found": Reply(status=404),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_a_failed_attempt_is_made_again_under_the_same_id(
    bench: Bench, sender: WebhookDelivery, receiver: FaultyReceiver, failure: str
) -> None:
    """Row 29: 500, silence, a reset after reading, a redirect: tried again 5 s later, the same message."""
    reply = redirect(receiver.trap_url) if failure == "redirect" else FAILURES[failure]
    receiver.reply(reply, OK)
    event = ended(bench, receiver.url)
    sender.deliver(event)
    waiting = kept(bench, event)
    assert (waiting.state, waiting.attempts) == (DeliveryState.PENDING, 1)
    assert waiting.log[0].status == (reply.status if reply.manner is Manner.ANSWER else None)
    sender.deliver(event)  # it is not due: nothing is sent
    make_due(bench, event)
    sender.deliver(event)
    assert kept(bench, event).state is DeliveryState.DELIVERED
    first, second = receiver.received()
    assert first.path == second.path == "/hook"
    assert (first.webhook_id, first.body) == (second.webhook_id, second.body)
    assert first.webhook_id == event
    assert first.is_signed
    assert second.is_signed


def test_a_tls_handshake_that_fails_is_a_failed_attempt(
    bench: Bench, sender: WebhookDelivery, receiver: FaultyReceiver
) -> None:
    """Row 29: the address says https and nobody there speaks it."""
    event = ended(bench, receiver.tls_url)
    sender.deliver(event)
    assert kept(bench, event).state is DeliveryState.PENDING
    assert "SSL" in kept(bench, event).log[0].error
    assert receiver.received() == []


def test_the_schedule_is_kept_to_its_end_and_then_the_delivery_is_given_up(
    bench: Bench, sender: WebhookDelivery, receiver: FaultyReceiver
) -> None:
    """Row 29: ten attempts over three days, each as late as Standard Webhooks says, give or take a fifth."""
    receiver.reply(Reply(status=500))
    event = ended(bench, receiver.url)
    waits = []
    for _ in SCHEDULE_S:
        make_due(bench, event)
        sender.deliver(event)
        now = kept(bench, event)
        if now.next_attempt_at:
            waits.append((now.next_attempt_at - now.log[-1].at).total_seconds())
    assert len(waits) == len(SCHEDULE_S) - 1
    for wait_s, planned_s in zip(waits, SCHEDULE_S[1:], strict=True):
        assert planned_s * (1 - JITTER) - 0.01 <= wait_s <= planned_s * (1 + JITTER)
    assert (kept(bench, event).state, kept(bench, event).attempts) == (DeliveryState.GIVEN_UP, len(SCHEDULE_S))
    make_due(bench, event)
    sender.deliver(event)
    assert len(receiver.received()) == len(SCHEDULE_S)
    assert {one.webhook_id for one in receiver.received()} == {event}


def test_a_receiver_that_is_gone_hears_of_nothing_more_until_somebody_asks(
    bench: Bench, sender: WebhookDelivery, receiver: FaultyReceiver
) -> None:
    """Row 29: 410 disables the address; redelivery by hand takes it up again."""
    receiver.reply(Reply(status=410), OK)
    first, second = ended(bench, receiver.url), ended(bench, receiver.url)
    sender.deliver(first)
    sender.deliver(second)
    assert kept(bench, first).state is kept(bench, second).state is DeliveryState.DISABLED
    assert len(receiver.received()) == 1
    bench.producer.redeliver(second)
    sender.deliver(second)
    assert kept(bench, second).state is DeliveryState.DELIVERED


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("as_date", [False, True])
def test_retry_after_is_honoured_in_seconds_and_as_a_date(
    bench: Bench, sender: WebhookDelivery, receiver: FaultyReceiver, status: int, as_date: bool
) -> None:
    """Row 29: a receiver that is busy says until when."""
    until = format_datetime(datetime.now(tz=UTC) + timedelta(hours=1), usegmt=True)
    later = try_later(status, retry_after_s=3600)
    receiver.reply(Reply(status=status, headers={"Retry-After": until}) if as_date else later)
    event = ended(bench, receiver.url)
    sender.deliver(event)
    now = kept(bench, event)
    assert now.state is DeliveryState.PENDING
    assert now.next_attempt_at
    assert 3500 < (now.next_attempt_at - now.log[0].at).total_seconds() <= 3600


@pytest.mark.parametrize("value", ["soon", "-5", "²", "Wed, 99 Foo 2026", "1" * 400])
def test_a_retry_after_that_says_nothing_changes_nothing(
    bench: Bench, sender: WebhookDelivery, receiver: FaultyReceiver, value: str
) -> None:
    """Row 29: nonsense is no reason to stop, nor to wait for more than a day."""
    header = {"Retry-After": value.encode("utf-8").decode("latin-1")}
    receiver.reply(Reply(status=503, headers=header))
    event = ended(bench, receiver.url)
    sender.deliver(event)
    now = kept(bench, event)
    assert now.state is DeliveryState.PENDING
    assert now.next_attempt_at
    assert now.next_attempt_at - now.log[0].at <= timedelta(days=1)


def test_a_sender_that_died_after_sending_sends_again_under_the_same_id(
    bench: Bench, sender: WebhookDelivery, receiver: FaultyReceiver
) -> None:
    """Row 29: the attempt reached its receiver and nobody wrote it down; its lease runs out."""
    event = ended(bench, receiver.url)
    assert bench.store.outbox.claim(event, lease_s=60)
    sender.deliver(event)
    assert receiver.received() == []  # the other one may still be sending
    make_due(bench, event)
    assert [one.id for one in bench.store.outbox.due(limit=10)] == [event]
    make_due(bench, event)
    sender.deliver(event)
    assert [one.webhook_id for one in receiver.received()] == [event]
    assert kept(bench, event).attempts == 2


INWARD = (
    # loopback, in every spelling that some resolver understands
    *("127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "017700000001"),
    *("localhost", "localhost.", "LOCALHOST", "127.0.0.1.", "0", "[::1]", "[::]", "[0:0:0:0:0:0:0:1]"),
    *("[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "①②⑦.⓪.⓪.①"),
    # ways to us through other protocols' addresses
    *(
        "[64:ff9b::7f00:1]",
        "[64:ff9b:1::7f00:1]",
        "[2002:7f00:1::1]",
        "[fec0::1]",
        "[fe80::1]",
        "[fd00::1]",
        "[ff02::1]",
    ),
    # private, shared, reserved, multicast, and where clouds keep their secrets
    *("10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "169.254.169.254", "192.0.0.1", "198.18.0.1"),
    *("224.0.0.1", "240.0.0.1", "255.255.255.255", "192.0.2.1"),
)


def test_an_address_that_only_we_can_reach_is_refused_in_every_spelling(
    bench: Bench, guarded: WebhookDelivery, receiver: FaultyReceiver
) -> None:
    """Row 32: decided before any connection. URL sources of documents will come through the same guard."""
    port = receiver.url.rpartition(":")[2].partition("/")[0]
    errors = {}
    for host in INWARD:
        event = ended(bench, f"http://{host}:{port}/hook")
        guarded.deliver(event)
        assert kept(bench, event).state is DeliveryState.PENDING
        errors[host] = kept(bench, event).log[0].error
    # Some spellings are no name to the resolver of this machine; no spelling is a way in.
    assert {host: why for host, why in errors.items() if "private" not in why and "gaierror" not in why} == {}
    assert receiver.received() == []


def test_a_name_with_one_inward_address_is_refused_whole(
    bench: Bench, guarded: WebhookDelivery, receiver: FaultyReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Row 32: a name that has a public address and ours."""
    resolve(monkeypatch, [PUBLIC, "127.0.0.1"])
    event = ended(bench, receiver.url.replace("127.0.0.1", "both.example"))
    guarded.deliver(event)
    assert "private" in kept(bench, event).log[0].error
    assert receiver.received() == []


def test_a_name_that_changes_its_address_after_the_check_reaches_nobody(
    bench: Bench, guarded: WebhookDelivery, receiver: FaultyReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Row 32: DNS rebinding. The first answer is public; every later one is us. A name is asked for once."""
    asked, knocked = resolve(monkeypatch, [PUBLIC], ["127.0.0.1"]), shut_in(monkeypatch)
    event = ended(bench, receiver.url.replace("127.0.0.1", "rebinds.example"))
    guarded.deliver(event)
    assert (asked(), knocked) == (1, [PUBLIC])
    assert kept(bench, event).state is DeliveryState.PENDING
    assert receiver.received() == []


def test_a_redirect_inwards_is_not_followed(bench: Bench, sender: WebhookDelivery, receiver: FaultyReceiver) -> None:
    """Row 32: not even where private addresses are allowed."""
    receiver.reply(redirect(receiver.trap_url))
    event = ended(bench, receiver.url)
    sender.deliver(event)
    assert [one.path for one in receiver.received()] == ["/hook"]
    assert kept(bench, event).log[0].status == 302


def resolve(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> Any:
    """Names that end in .example have these addresses, one list a look-up, then the last for ever; counts look-ups."""
    real, asked = socket.getaddrinfo, count()

    def getaddrinfo(host: Any, port: Any, *rest: Any, **options: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if not str(name).endswith(".example"):
            return real(host, port, *rest, **options)
        found = answers[min(next(asked), len(answers) - 1)]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return lambda: next(asked)


def shut_in(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """No connection leaves this machine; the addresses that were tried."""
    real, tried = socket.socket.connect, list[str]()

    def connect(self: socket.socket, address: Any) -> None:
        if isinstance(address, tuple) and not address[0].startswith("127."):
            tried.append(address[0])
            raise ConnectionRefusedError("this test has no way out")
        real(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect)
    return tried


@contextmanager
def talking(talk: Callable[[socket.socket], None]) -> Iterator[str]:
    """The address of a server that reads a request and then talks as it likes, until its client hangs up."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        with connection, suppress(OSError):
            connection.recv(65536)
            talk(connection)

    thread = threading.Thread(target=serve)
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}/hook"
    thread.join()
    listener.close()


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_the_body_of_an_answer_is_not_read(bench: Bench, sender: WebhookDelivery, encoding: str) -> None:
    """Row 32: ten gigabytes, or a gzip bomb, behind a 200 cost what fits into the buffers of a socket."""
    sent: list[int] = []
    portion = gzip.compress(bytes(1 << 20)) * 64 if encoding == "gzip" else bytes(1 << 20)

    def talk(connection: socket.socket) -> None:
        head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\nContent-Length: {10 << 30}\r\n\r\n"
        connection.sendall(head.encode())
        while True:
            sent.append(connection.send(portion))

    with talking(talk) as url:
        event = ended(bench, url)
        sender.deliver(event)
    assert kept(bench, event).state is DeliveryState.DELIVERED
    assert sum(sent) < 64 << 20


def test_an_answer_that_drips_is_given_up_in_time(bench: Bench, sender: WebhookDelivery) -> None:
    """Row 32: a header that never ends comes byte by byte, so that no read ever times out."""

    def talk(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nX-Long: ")
        while True:
            time.sleep(0.05)
            connection.sendall(b"x")

    with talking(talk) as url:
        event = ended(bench, url)
        started = time.monotonic()
        sender.deliver(event)
    assert time.monotonic() - started < 10  # the limit is 1 s here
    assert "no answer within 1 s" in kept(bench, event).log[0].error
