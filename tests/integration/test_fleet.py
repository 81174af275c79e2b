"""The fleet over HTTP, through the client, and as a command shows it."""

from __future__ import annotations

import json
from dataclasses import replace

import httpx
import pytest
from typer.testing import CliRunner

from producer.backends.celery_queue import CeleryQueue
from producer.backends.memory_objects import MemoryObjectStore
from producer.backends.redis_store import RedisJobStore
from producer.client import OcrFleetClient
from producer.contract.errors import NotServed
from producer.contract.fleet import FleetView, ScaleDecision
from producer.contract.jobs import JobState
from producer.direct import Producer
from tests.contract.test_fleet import report
from tests.integration.conftest import LIMITS
from tests.integration.serving import PNG
from workers.cli import app


@pytest.fixture
def view(client: OcrFleetClient, store: RedisJobStore) -> FleetView:
    """One worker for GPUs, one page read by it and one document that waits for it, and one that any device may read."""
    store.fleet.beat(report(), ttl_s=60)
    client.submit(PNG, filename="page.png", device="gpu", priority="high")
    client.submit(PNG, filename="page.png")
    return client.fleet()


def test_the_fleet_is_told_over_http_with_the_fields_that_were_agreed(http: httpx.Client, view: FleetView) -> None:
    answer = http.get("/v1/fleet").json()
    assert set(answer) == {"kinds", "workers", "pages_per_second", "throughput"}
    assert answer["kinds"][0] | {"oldest_waiting_s": None} == {
        "kind": "gpu",
        "waiting_pages": 1,
        "running_pages": 0,
        "oldest_waiting_s": None,
        "pages_per_second": 0.0,
        "workers": 1,
        "desired_workers": 1,
        "by_priority": {"high": 1, "normal": 0, "low": 0},
    }
    assert set(answer["workers"][0]) == {
        *("id", "host", "pid", "device", "kind", "state", "runtime", "pages_done", "pages_per_second"),
        *("resident_bytes", "started_at", "seen_at"),
    }
    assert set(answer["throughput"][0]) == {"at", "pages"}


def test_the_client_gives_it_as_it_was_sent(view: FleetView) -> None:
    assert [(kind.kind, kind.waiting_pages, kind.workers) for kind in view.kinds] == [("gpu", 1, 1), ("auto", 1, 1)]
    assert [worker.device for worker in view.workers] == ["gpu:0"]


def test_the_command_shows_tables_and_one_json_document_when_asked(server: str, view: FleetView) -> None:
    shown = CliRunner().invoke(app, ["fleet", "--server", server])
    assert shown.exit_code == 0, shown.output
    assert "gpu   1        1        1              1/0/0" in shown.stdout
    assert "here/1/7  gpu:0   ready  onnxruntime float32  3      1.50                   1 MiB" in shown.stdout
    assert "pages/s while reading" in shown.stdout
    assert "pages/s, last minute" in shown.stdout
    assert " pages/s in the last minute; " in shown.stdout
    printed = json.loads(CliRunner().invoke(app, ["fleet", "--server", server, "--json"]).stdout)
    assert [kind["kind"] for kind in printed["kinds"]] == [kind.kind for kind in view.kinds]


@pytest.mark.parametrize(
    ("asked", "is_served"), [("gpu", True), ("gpu:0", True), ("auto", True), ("gpu:1", False), ("cpu", False)]
)
def test_a_job_for_a_device_that_no_worker_serves_is_refused_where_that_is_set(
    store: RedisJobStore, objects: MemoryObjectStore, redis_url: str, asked: str, is_served: bool
) -> None:
    producer = Producer(store, objects, CeleryQueue(redis_url), replace(LIMITS, refuses_unserved=True))
    store.fleet.beat(report(), ttl_s=60)
    if is_served:
        assert producer.submit(PNG, device=asked).status is JobState.QUEUED
    else:
        with pytest.raises(NotServed, match="gpu:0"):
            producer.submit(PNG, device=asked)
        assert list(objects.keys("")) == []


def test_how_many_workers_there_should_be_is_told_by_kind(http: httpx.Client, store: RedisJobStore) -> None:
    assert http.get("/v1/autoscale/toaster").status_code == 404
    unobserved = http.get("/v1/autoscale/gpu")
    assert (unobserved.status_code, unobserved.json()["error"]["code"]) == (503, "unavailable")
    decided = {"kind": "gpu", "waiting_pages": 9, "running_pages": 1, "seconds_of_work": 20.0, "desired_workers": 3}
    store.fleet.decide(ScaleDecision.model_validate(decided), ttl_s=60)
    assert http.get("/v1/autoscale/gpu").json() == decided
    assert http.get("/v1/fleet").json()["kinds"][0]["desired_workers"] == 3
