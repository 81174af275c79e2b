"""The receiver answers as it was told and keeps what came, as a sender of webhooks meets it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import httpx
import pytest
from standardwebhooks import Webhook

from tests.faults.receiver import OK, FaultyReceiver, Manner, Reply, faulty_receiver, redirect, try_later

SECRET = "whsec_" + "c2VjcmV0" * 6
BODY = '{"type":"job.succeeded"}'


@pytest.fixture
def receiver() -> Iterator[FaultyReceiver]:
    with faulty_receiver(SECRET) as receiver:
        yield receiver


def send(url: str, *, webhook_id: str = "evt_1", secret: str = SECRET, timeout_s: float = 5) -> httpx.Response:
    now = datetime.now(tz=UTC)
    headers = {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(secret).sign(webhook_id, now, BODY),
    }
    return httpx.post(url, content=BODY, headers=headers, timeout=timeout_s, trust_env=False)


def test_what_came_is_kept_with_its_id_body_and_whether_it_was_signed(receiver: FaultyReceiver) -> None:
    assert send(receiver.url).status_code == 204
    send(receiver.url, webhook_id="evt_2", secret="whsec_" + "Zm9yZ2Vk" * 6)
    first, second = receiver.wait_for(2, timeout_s=5)
    assert (first.webhook_id, first.body, first.is_signed) == ("evt_1", BODY.encode(), True)
    assert (second.webhook_id, second.is_signed) == ("evt_2", False)


def test_replies_come_in_turn_and_the_last_one_stays(receiver: FaultyReceiver) -> None:
    receiver.reply(Reply(status=500), Reply(status=410), OK)
    assert [send(receiver.url).status_code for _ in range(4)] == [500, 410, 204, 204]


@pytest.mark.parametrize("status", [429, 503])
def test_try_later_says_when(receiver: FaultyReceiver, status: int) -> None:
    receiver.reply(try_later(status, retry_after_s=7))
    answer = send(receiver.url)
    assert (answer.status_code, answer.headers["Retry-After"]) == (status, "7")


def test_a_redirect_leads_to_the_trap_and_who_follows_is_seen(receiver: FaultyReceiver) -> None:
    receiver.reply(redirect(receiver.trap_url))
    answer = send(receiver.url)
    assert (answer.status_code, answer.headers["Location"]) == (302, receiver.trap_url)
    httpx.get(receiver.trap_url, timeout=5, trust_env=False)
    assert [received.path for received in receiver.received()] == ["/hook", "/trap"]


def test_hanging_keeps_the_request_and_never_answers(receiver: FaultyReceiver) -> None:
    receiver.reply(Reply(manner=Manner.HANG))
    with pytest.raises(httpx.ReadTimeout):
        send(receiver.url, timeout_s=0.2)
    assert len(receiver.received()) == 1


def test_dying_keeps_the_request_and_breaks_the_connection(receiver: FaultyReceiver) -> None:
    receiver.reply(Reply(manner=Manner.DIE))
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        send(receiver.url)
    assert len(receiver.received()) == 1


def test_tls_fails(receiver: FaultyReceiver) -> None:
    with pytest.raises(httpx.ConnectError, match="SSL"):
        send(receiver.tls_url)
    assert receiver.received() == []
