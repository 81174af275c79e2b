"""What the clients may ask for: ids that lead nowhere else, and values that a request can carry."""

from __future__ import annotations

import asyncio
import io
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from producer import AsyncOcrFleetClient, OcrFleetClient
from producer.contract.errors import InvalidRequest, NotFound, OcrFleetError, RateLimited, Unavailable
from producer.contract.jobs import Event
from producer.wire import verbs
from producer.wire.calls import Answer, Call, Pause, Steps, error_of
from producer.wire.streams import EventFeed

JOB = "0" * 32
NOBODY = "http://127.0.0.1:9"  # the port of "discard": whoever asked there would be told `unavailable`
ELSEWHERE = ("../fleet", "", ".", "..", "x", "0/../1", f"{JOB}/cancel", f"{JOB}?wait=60", "%2e%2e", f"{JOB}\n", None)
Ask = Callable[[OcrFleetClient], object]


@pytest.fixture
def client() -> OcrFleetClient:
    return OcrFleetClient(NOBODY, timeout_s=1)


@pytest.mark.parametrize("wrong", ELSEWHERE)
@pytest.mark.parametrize(
    "verb",
    [
        *(verbs.status, verbs.wait, verbs.cancel, verbs.retry, verbs.delete, verbs.result, verbs.document),
        *(verbs.dead_letter, verbs.redeliver, verbs.revoke_key, verbs.batch),
        lambda wrong: verbs.page(wrong, 1),
        lambda wrong: verbs.page_result(wrong, 1),
        lambda wrong: verbs.download(wrong, "result.json", Path("/nowhere/a")),
        lambda wrong: verbs.download(JOB, wrong, Path("/nowhere/a")),
    ],
)
def test_what_is_no_id_is_not_found_and_nobody_is_asked(verb: Callable[[object], Steps[object]], wrong: object) -> None:
    with pytest.raises(NotFound):
        next(verb(wrong))


@pytest.mark.parametrize("wrong", ELSEWHERE)
def test_events_of_what_is_no_id_are_not_found(client: OcrFleetClient, wrong: str) -> None:
    with pytest.raises(NotFound):
        next(client.events(wrong))


def test_a_page_that_is_no_number_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="count from 1"):
        next(verbs.page(JOB, "1/../../2"))  # type: ignore[arg-type]  # what a caller without types may give


def test_a_key_that_is_given_for_its_id_is_not_shown() -> None:
    with pytest.raises(NotFound) as refused:
        next(verbs.revoke_key("ocrf_0f1e2d3c4b5a6978_secret"))
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("key", ["schlüssel", "a\nb", "a\0b", "\n"])
@pytest.mark.parametrize("kind", [OcrFleetClient, AsyncOcrFleetClient])
def test_a_key_that_no_header_can_carry_is_refused_and_not_shown(
    kind: type[OcrFleetClient | AsyncOcrFleetClient], key: str
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        kind(NOBODY, api_key=key)
    assert key not in str(refused.value)
    assert refused.value.__cause__ is None


def test_a_key_as_a_file_has_it_is_sent_without_the_white_space_around() -> None:
    client = OcrFleetClient(NOBODY, api_key=" secretkey123\n")
    sent = client._server.request(Call(method="GET", url="/v1/fleet"), client._http)
    assert sent["headers"]["Authorization"] == "Bearer secretkey123"


@pytest.mark.parametrize("key", ["a\nb", "bad key ü", "ü", " ", "x" * 129])
def test_an_idempotency_key_that_cannot_be_one_is_refused_before_a_call(client: OcrFleetClient, key: str) -> None:
    for ask in (
        lambda: client.submit(b"x", idempotency_key=key),
        lambda: client.submit("https://example.org/a.png", idempotency_key=key),
        lambda: client.submit_batch([], idempotency_key=key),
    ):
        with pytest.raises(InvalidRequest, match="idempotency key"):
            ask()


def test_an_id_of_an_event_that_no_header_can_carry_is_refused(client: OcrFleetClient) -> None:
    with pytest.raises(InvalidRequest, match="Last-Event-ID"):
        next(client.events(JOB, after="1\r\nX-Other: 1"))


def test_a_password_in_the_address_is_not_shown() -> None:
    client = OcrFleetClient("http://user:hidden@127.0.0.1:9", timeout_s=1)
    with pytest.raises(Unavailable) as away:
        client.retry(JOB)
    assert "hidden" not in str(away.value)
    assert "127.0.0.1:9" in str(away.value)


@pytest.mark.parametrize(
    "ask",
    [
        lambda client: client.submit(b"x", filename='a\r\nb"\0ü\udcff.png'),
        lambda client: client.upload(b"x", filename="\udcff"),
        lambda client: client.submit(b"x", tag="\udcff"),
        lambda client: client.submit(b"x", metadata={"a": "\udcff"}),
        lambda client: client.submit("https://example.org/\udcff"),
        lambda client: client.jobs(tag="\udcff"),
        lambda client: client.jobs(cursor="\udcff\n"),
        lambda client: client.deliveries("\udcff"),
        lambda client: client.status("\udcff"),
    ],
)
def test_no_text_leaves_the_client_but_as_an_error_of_the_tree(client: OcrFleetClient, ask: Ask) -> None:
    with pytest.raises(OcrFleetError) as refused:
        ask(client)
    str(refused.value).encode()


def pipe() -> io.FileIO:
    read, write = os.pipe()
    os.close(write)
    return io.FileIO(read)


@pytest.mark.parametrize(
    ("source", "advice"),
    [(None, "NoneType"), (1, "int"), (io.StringIO("x"), "'rb'"), (pipe(), "its bytes")],
    ids=["None", "int", "text", "pipe"],
)
def test_a_source_that_is_no_document_is_refused_with_what_to_give(
    client: OcrFleetClient, source: object, advice: str
) -> None:
    for ask in (client.submit, client.upload):
        with pytest.raises(InvalidRequest, match=advice):
            ask(source)  # type: ignore[arg-type]  # what a caller without types may give


def test_a_stream_that_was_closed_is_refused(client: OcrFleetClient) -> None:
    stream = io.BytesIO(b"x")
    stream.close()
    with pytest.raises(InvalidRequest, match="closed"):
        client.submit(stream)


def test_a_client_that_was_closed_says_so(client: OcrFleetClient) -> None:
    client.close()
    for ask in (client.fleet, lambda: client.wait(JOB, timeout_s=1), lambda: next(client.events(JOB))):
        with pytest.raises(InvalidRequest, match="closed"):
            ask()


def test_an_awaited_client_that_was_closed_says_so() -> None:
    async def ask() -> None:
        client = AsyncOcrFleetClient(NOBODY)
        await client.close()
        await client.fleet()

    with pytest.raises(InvalidRequest, match="closed"):
        asyncio.run(ask())


def test_jobs_are_listed_by_one_state_as_by_several() -> None:
    for status in ("succeeded", ["succeeded"]):
        call = next(verbs.jobs(status=status))
        assert isinstance(call, Call)
        assert call.params["status"] == ["succeeded"]
    with pytest.raises(InvalidRequest, match="choose from"):
        next(verbs.jobs(status="done"))


def test_tries_wait_as_long_as_the_service_says() -> None:
    steps = verbs.status(JOB)
    next(steps)
    body = json.dumps({"error": {"code": "rate_limited", "message": "m", "details": {}}}).encode()
    answer = Answer(status=429, content=body, headers={"retry-after": "7"})
    pause = steps.send(answer)
    assert pause == Pause(seconds=7)
    error = error_of(answer, Call(method="GET", url="/"))
    assert isinstance(error, RateLimited)
    assert error.retry_after_s == 7


def told(feed: EventFeed, *lines: str) -> list[Event]:
    return [event for line in lines if (event := feed.take(line)) is not None]


def test_an_event_of_which_half_was_told_is_told_once_by_the_next_stream() -> None:
    feed = EventFeed(job_id=JOB, after="", outage_s=60)
    feed.call()
    assert told(feed, "id: 1-0", "event: page.done", 'data: {"page": 1}') == []
    feed.call()
    assert [event.id for event in told(feed, "id: 1-0", "event: page.done", 'data: {"page": 1}', "")] == ["1-0"]
    assert feed.call().headers["Last-Event-ID"] == "1-0"


def test_events_that_are_no_json_are_not_those_of_the_service() -> None:
    feed = EventFeed(job_id=JOB, after="", outage_s=60)
    with pytest.raises(Unavailable):
        told(feed, "data: <html>", "")


def test_pauses_between_streams_grow_while_nothing_is_told() -> None:
    feed = EventFeed(job_id=JOB, after="", outage_s=60)
    pauses = []
    for _ in range(7):
        feed.call()
        feed.opened("text/event-stream; charset=utf-8")
        pauses.append(feed.pause_s(Unavailable()))
    assert pauses == [0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]
    feed.take(": keep-alive")
    assert feed.pause_s(Unavailable()) == 0.2
