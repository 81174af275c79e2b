"""A client follows a job while the API dies: it comes back with Last-Event-ID and misses nothing."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.faults.api_process import ApiProcess, api_process
from tests.faults.bench import Bench
from tests.faults.commands import sleep

PAGES = 12
SEEN_BEFORE = 4  # events after which the API dies


@pytest.fixture
def api(redis_url: str, tmp_path: Path) -> Iterator[ApiProcess]:
    with api_process(tmp_path, redis_url=redis_url, store_url=(tmp_path / "objects").as_uri()) as api:
        yield api


def follow(api: ApiProcess, job_id: str, after: str | None) -> Iterator[tuple[str, str]]:
    """Ids and types of the events of one connection, until it ends or breaks."""
    headers = {"Last-Event-ID": after} if after else {}
    event = ""
    with (
        httpx.Client(timeout=30, trust_env=False) as client,
        client.stream("GET", f"{api.url}/v1/jobs/{job_id}/events", headers=headers) as answer,
    ):
        assert answer.status_code == 200
        event_id = ""
        for line in answer.iter_lines():
            name, _, value = line.partition(": ")
            if name == "id":
                event_id = value
            elif name == "event":
                event = value
            elif not line and event_id:
                yield event_id, event
                event_id = ""


def test_an_api_that_is_killed_in_the_middle_of_a_stream_costs_the_client_nothing(
    bench: Bench, api: ApiProcess
) -> None:
    """Row 34: every event once and in order, over the death of the API and a time without any."""
    job_id = bench.submit(*[sleep(0.25)] * PAGES)
    worker = threading.Thread(target=bench.finish)
    worker.start()
    seen: list[tuple[str, str]] = []
    with pytest.raises(httpx.RemoteProtocolError):
        for one in follow(api, job_id, None):
            seen.append(one)
            if len(seen) == SEEN_BEFORE:
                api.kill()
    assert SEEN_BEFORE <= len(seen) < PAGES
    with pytest.raises(httpx.ConnectError):
        next(follow(api, job_id, seen[-1][0]))
    api.restart()
    seen += follow(api, job_id, seen[-1][0])
    worker.join()
    assert seen == [(event.id, event.type) for event in bench.collector.events(job_id)]
    assert [kind for _, kind in seen] == ["job.queued", "job.started", *["page.done"] * PAGES, "job.succeeded"]
    assert bench.violations() == []
