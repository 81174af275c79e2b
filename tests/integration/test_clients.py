"""The HTTP clients, blocking and awaited: verbs, tries, uploads, events; and webhooks as a receiver sees them."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from inspect import isfunction
from pathlib import Path

import pytest
from standardwebhooks import Webhook

from producer import AsyncOcrFleetClient, OcrFleetClient, verify_webhook
from producer.backends.memory_objects import MemoryObjectStore
from producer.backends.redis_store import RedisJobStore
from producer.contract.errors import InvalidRequest, NotFound, SourceForbidden, Unauthorized, Unavailable, WaitTimeout
from producer.contract.jobs import JobState
from producer.contract.sources import UploadSource
from producer.contract.webhooks import event_body
from producer.wire import verbs
from producer.wire.calls import TRIES, Answer, Call
from tests.integration.serving import PNG, work
from tests.servers.http import listening

SECRET = "whsec_c2VjcmV0c2VjcmV0c2VjcmV0"


def test_both_clients_have_every_verb() -> None:
    public = {name: verb for name, verb in vars(verbs).items() if isfunction(verb) and not name.startswith("_")}
    wanted = {name for name, verb in public.items() if verb.__module__ == verbs.__name__}
    for client in (OcrFleetClient, AsyncOcrFleetClient):
        assert wanted | {"events", "close"} <= set(vars(client)), client


def test_the_awaited_client_does_what_the_blocking_one_does(
    server: str, store: RedisJobStore, objects: MemoryObjectStore, tmp_path: Path
) -> None:
    async def follow() -> None:
        async with AsyncOcrFleetClient(server) as client:
            job = await client.submit(io.BytesIO(PNG), filename="page.png", tag="t")
            with pytest.raises(WaitTimeout):
                await client.wait(job.id, timeout_s=0)
            await asyncio.to_thread(work, store, objects, job.id)
            assert (await client.wait(job.id)).status is JobState.SUCCEEDED
            last = [event async for event in client.events(job.id)][-1]
            assert last.type == "job.succeeded"
            assert [event async for event in client.events(job.id, after=last.id)] == []
            await client.download(job.id, "result.json", tmp_path / "result.json")
            assert [one.id for one in (await client.jobs(tag="t")).jobs] == [job.id]
            source = await client.upload(PNG, filename="large.png")
            assert (await client.submit(source)).status is JobState.QUEUED
            with pytest.raises(NotFound):
                await client.status("0" * 32)

    asyncio.run(follow())
    assert json.loads((tmp_path / "result.json").read_text()) == {"pages": []}


def test_an_upload_tells_how_much_of_it_was_sent(client: OcrFleetClient, tmp_path: Path) -> None:
    (tmp_path / "large.png").write_bytes(PNG + b"\0" * 600_000)
    told: list[tuple[int, int]] = []
    source = client.upload(tmp_path / "large.png", progress=lambda sent, total: told.append((sent, total)))
    size = len(PNG) + 600_000
    assert len(told) > 3
    assert told == sorted(told)
    assert told[-1] == (size, size)
    assert client.submit(source).status is JobState.QUEUED


def test_an_address_is_submitted_and_refused_as_straight(client: OcrFleetClient) -> None:
    assert client.submit("https://documents.example/page.png").status is JobState.QUEUED
    with pytest.raises(SourceForbidden):
        client.submit("http://169.254.169.254/latest")


def test_events_resume_after_the_one_that_was_seen(
    client: OcrFleetClient, store: RedisJobStore, objects: MemoryObjectStore
) -> None:
    job = client.submit(PNG)
    work(store, objects, job.id)
    events = list(client.events(job.id))
    assert [event.type for event in events] == ["job.queued", "job.started", "page.done", "job.succeeded"]
    assert list(client.events(job.id, after=events[1].id)) == events[2:]
    assert list(client.events(job.id, after=events[-1].id)) == []
    with pytest.raises(NotFound):
        next(client.events("0" * 32))


class Broken(BaseHTTPRequestHandler):
    """A service that is away between two streams of a job's events, the first of which breaks off within one."""

    away: int
    asked_after: list[str | None]

    def do_GET(self) -> None:
        after = self.headers.get("Last-Event-ID")
        self.asked_after.append(after)
        if after is not None and len(self.asked_after) <= self.away:
            self.close_connection = True
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        events = [_told("1-0", "job.queued"), _told("2-0", "page.done"), _told("3-0", "job.succeeded")]
        if after is None:
            self.wfile.write(events[0] + events[1][:-3])
        else:
            self.wfile.write(b"".join(events[1:]))

    def log_message(self, *_: object) -> None:
        pass


def _told(id_: str, type_: str) -> bytes:
    return f'id: {id_}\nevent: {type_}\ndata: {{"page": 1}}\n\n'.encode()


def test_events_outlive_an_outage_and_tell_each_event_once() -> None:
    asked_after: list[str | None] = []
    handler = type("Planned", (Broken,), {"away": 6, "asked_after": asked_after})
    with listening(handler) as address, OcrFleetClient(address) as client:
        assert [event.id for event in client.events("0" * 32)] == ["1-0", "2-0", "3-0"]
    assert asked_after == [None, *["1-0"] * 6]


def test_awaited_events_outlive_an_outage_and_tell_each_event_once() -> None:
    async def follow() -> list[str]:
        async with AsyncOcrFleetClient(address) as client:
            return [event.id async for event in client.events("0" * 32)]

    handler = type("Planned", (Broken,), {"away": 6, "asked_after": []})
    with listening(handler) as address:
        assert asyncio.run(follow()) == ["1-0", "2-0", "3-0"]


class Flaky(BaseHTTPRequestHandler):
    """Answers as it was told to, and keeps what it got."""

    plan: list[int]
    got: list[tuple[str, bytes]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.got.append((self.headers.get("Idempotency-Key", ""), body))
        self._answer()

    def do_GET(self) -> None:
        self.got.append(("", b""))
        self._answer()

    def _answer(self) -> None:
        status = self.plan.pop(0)
        if not status:
            self.close_connection = True
            return
        error = {"error": {"code": "unavailable", "message": "m", "details": {}}, "request_id": None}
        body = json.dumps(error if status >= 400 else {"jobs": [], "next_cursor": None}).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Retry-After", "0")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def flaky(*statuses: int) -> Iterator[tuple[str, list[tuple[str, bytes]]]]:
    got: list[tuple[str, bytes]] = []
    handler = type("Planned", (Flaky,), {"plan": list(statuses), "got": got})
    with listening(handler) as address:
        yield address, got


def test_what_is_refused_for_a_while_or_not_answered_is_tried_again() -> None:
    with flaky(503, 0, 200) as (address, got), OcrFleetClient(address) as client:
        assert client.jobs().jobs == ()
    assert len(got) == 3


def test_tries_have_an_end() -> None:
    with flaky(*[503] * 9) as (address, got), OcrFleetClient(address) as client, pytest.raises(Unavailable):
        client.jobs()
    assert len(got) == TRIES


@pytest.mark.parametrize("status", [308, 200])
def test_what_stands_before_the_service_is_not_taken_for_it(status: int) -> None:
    with flaky(*[status] * TRIES) as (address, _), OcrFleetClient(address) as client, pytest.raises(Unavailable):
        client.fleet()


def test_a_store_that_leads_on_leaves_the_file_that_was_there(tmp_path: Path) -> None:
    kept = tmp_path / "result.json"
    kept.write_text("of another day")
    steps = verbs.download("0" * 32, "result.json", kept)
    assert isinstance(next(steps), Call)
    assert isinstance(steps.send(Answer(status=307, headers={"location": "https://store.example/a"})), Call)
    with pytest.raises(Unavailable):
        for _ in range(2 * TRIES):
            steps.send(Answer(status=301, headers={"location": "https://elsewhere.example/a"}))
    assert kept.read_text() == "of another day"


def test_a_file_that_is_not_there_leaves_the_one_that_was_downloaded_before(
    client: OcrFleetClient, tmp_path: Path
) -> None:
    kept = tmp_path / "result.json"
    kept.write_text("of another day")
    with pytest.raises(NotFound):
        client.download("0" * 32, "result.json", kept)
    assert [path.name for path in tmp_path.iterdir()] == ["result.json"]
    assert kept.read_text() == "of another day"


def test_a_submission_is_repeated_whole_and_under_the_same_key() -> None:
    with flaky(0, 503, 503) as (address, got), OcrFleetClient(address) as client, pytest.raises(Unavailable):
        client.submit(PNG)
    assert len({key for key, _ in got}) == 1
    assert all(PNG in body for _, body in got)


def test_an_error_that_passes_names_the_key_under_which_a_submission_may_have_been_accepted() -> None:
    with flaky(0, 503, 503) as (address, got), OcrFleetClient(address) as client:
        with pytest.raises(Unavailable) as away:
            client.submit(PNG)
        assert away.value.details == {"idempotency_key": got[0][0]}


def test_a_batch_that_is_refused_leaves_no_job(client: OcrFleetClient) -> None:
    there, missing = client.upload(PNG), UploadSource(upload_id="0" * 32)
    with pytest.raises(InvalidRequest):
        client.submit_batch([there, missing])
    assert client.jobs().jobs == ()


def test_a_batch_without_a_key_is_not_repeated_without_an_answer_and_with_one_it_is() -> None:
    for key, tries in ((None, 1), ("k", TRIES)):
        with flaky(0, 0, 0) as (address, got), OcrFleetClient(address) as client, pytest.raises(Unavailable):
            client.submit_batch(["https://documents.example/a.png"], idempotency_key=key)
        assert len(got) == tries


def test_what_may_not_be_done_twice_is_not_repeated_without_an_answer() -> None:
    with flaky(0, 200) as (address, got), OcrFleetClient(address) as client, pytest.raises(Unavailable):
        client.retry("0" * 32)
    assert len(got) == 1


class Shrinking(io.BytesIO):
    """A document of which half is gone when it is sent."""

    def read(self, size: int | None = -1) -> bytes:
        chunk = super().read(size)
        return chunk[: len(chunk) // 2]


def test_a_document_that_changes_while_it_is_sent_is_not_taken_for_a_service_that_is_away(
    client: OcrFleetClient,
) -> None:
    for send in (client.submit, client.upload):
        with pytest.raises(InvalidRequest, match="changed"):
            send(Shrinking(PNG))


def test_a_receiver_verifies_a_webhook(
    client: OcrFleetClient, store: RedisJobStore, objects: MemoryObjectStore
) -> None:
    job = client.submit(PNG)
    work(store, objects, job.id)
    body, now = event_body(client.status(job.id), "job.succeeded"), datetime.now(tz=UTC)
    headers = {
        "Webhook-Id": f"evt_{job.id}",
        "Webhook-Timestamp": str(int(now.timestamp())),
        "Webhook-Signature": Webhook(SECRET).sign(f"evt_{job.id}", now, body),
    }
    event = verify_webhook(body.encode(), headers, secret=SECRET)
    assert (event.type, event.data.id) == ("job.succeeded", job.id)
    with pytest.raises(Unauthorized):
        verify_webhook(body.replace("succeeded", "failed"), headers, secret=SECRET)
    with pytest.raises(Unauthorized):
        verify_webhook(body, headers | {"Webhook-Timestamp": "1600000000"}, secret=SECRET)
