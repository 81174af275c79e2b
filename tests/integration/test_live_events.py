"""`GET /v1/events`: every job as it changes, in one stream."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import httpx
import pytest

from producer.backends.memory_objects import MemoryObjectStore
from producer.backends.redis_store import RedisJobStore
from producer.client import OcrFleetClient
from tests.integration.serving import PNG, work

LIMIT_S = 10.0


@pytest.fixture
def stream(http: httpx.Client) -> Iterator[Iterator[dict[str, str]]]:
    """The events of a stream that is open: what happens from now on is told."""
    with http.stream("GET", "/v1/events") as answer:
        events = _events(answer)
        assert next(events)["event"] == "open"
        yield events


def test_a_job_is_told_from_its_submission_to_its_end(
    stream: Iterator[dict[str, str]], client: OcrFleetClient, store: RedisJobStore, objects: MemoryObjectStore
) -> None:
    job_id = client.submit(PNG, filename="a.png", tag="t").id
    first = json.loads(next(stream)["data"])["job"]
    assert (first["id"], first["filename"], first["tag"], first["status"]) == (job_id, "a.png", "t", "queued")
    work(store, objects, job_id)
    last = _until(stream, "succeeded")
    assert last == client.status(job_id).model_dump(mode="json")


def test_a_deleted_job_is_told_by_its_id(stream: Iterator[dict[str, str]], client: OcrFleetClient) -> None:
    job_id = client.submit(PNG).id
    next(stream)
    client.delete(job_id)
    event = next(stream)
    assert (event["event"], json.loads(event["data"])) == ("deleted", {"id": job_id})


def test_the_events_of_a_job_end_when_it_is_deleted(
    http: httpx.Client, client: OcrFleetClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("producer.api.routes.jobs._LOOK_S", 0.1)
    job_id = client.submit(PNG).id
    with http.stream("GET", f"/v1/jobs/{job_id}/events") as answer:
        events = _events(answer)
        assert next(events)["event"] == "job.queued"
        client.delete(job_id)
        assert list(events) == []


def test_a_busy_job_is_told_at_most_five_times_a_second(
    stream: Iterator[dict[str, str]], client: OcrFleetClient, store: RedisJobStore
) -> None:
    job_id = client.submit(PNG).id
    next(stream)
    began = time.monotonic()
    for _ in range(50):
        store.jobs.cancel(job_id)
        store.jobs.retry(job_id)
    store.jobs.cancel(job_id)
    told = 1
    while json.loads(next(stream)["data"])["job"]["status"] != "cancelled":
        told += 1
    assert told <= 2 + (time.monotonic() - began) / 0.2


def test_a_stream_goes_on_where_another_ended(http: httpx.Client, client: OcrFleetClient) -> None:
    with http.stream("GET", "/v1/events") as answer:
        position = next(_events(answer))["id"]
    missed = client.submit(PNG).id
    with http.stream("GET", "/v1/events", headers={"Last-Event-ID": position}) as answer:
        events = _events(answer)
        assert json.loads(next(events)["data"]) == {"resumed": True}
        assert json.loads(next(events)["data"])["job"]["id"] == missed


def test_the_fleet_is_told_of_too_where_it_is_asked_for(http: httpx.Client) -> None:
    with http.stream("GET", "/v1/events", params={"fleet": True}) as answer:
        events = _events(answer)
        kinds = [next(events) for _ in range(3)]
    assert [event["event"] for event in kinds] == ["open", "fleet", "fleet"]
    assert set(json.loads(kinds[1]["data"])) == {"kinds", "workers", "pages_per_second", "throughput"}


def _events(answer: httpx.Response) -> Iterator[dict[str, str]]:
    event: dict[str, str] = {}
    deadline = time.monotonic() + LIMIT_S
    for line in answer.iter_lines():
        assert time.monotonic() < deadline
        name, _, value = line.partition(": ")
        if name:
            event[name] = value
        elif event:
            yield event
            event = {}


def _until(stream: Iterator[dict[str, str]], status: str) -> dict[str, object]:
    for event in stream:
        job: dict[str, object] = json.loads(event["data"])["job"]
        if job["status"] == status:
            return job
    raise AssertionError(f"the stream ended before a job was {status}")
