"""A worker's place in the fleet, from its start to its end."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from datetime import datetime

import pytest

from producer.backends.memory_store import MemoryJobStore
from producer.contract.errors import Unavailable
from producer.contract.fleet import FleetWorker, WorkerReport, WorkerState
from workers.presence import Presence

BEAT_S = 0.005


@pytest.fixture
def store() -> MemoryJobStore:
    return MemoryJobStore()


@pytest.fixture
def presence(store: MemoryJobStore) -> Iterator[Presence]:
    presence = Presence(store.fleet, device="gpu:0", beat_s=BEAT_S)
    presence.start()
    yield presence
    presence.close()


def seen(store: MemoryJobStore, state: WorkerState, *, after: datetime | None = None) -> FleetWorker:
    """The only worker, once it is in this state."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        found = store.fleet.workers()
        if [worker.state for worker in found] == [state] and (after is None or found[0].seen_at > after):
            return found[0]
        time.sleep(BEAT_S)
    raise AssertionError(f"not {state} within 5 s: {store.fleet.workers()}")


def test_a_worker_starts_gets_ready_is_busy_and_ready_again(store: MemoryJobStore, presence: Presence) -> None:
    starting = seen(store, WorkerState.STARTING)
    assert (starting.pid, starting.device, starting.runtime) == (os.getpid(), "gpu:0", "")
    presence.ready(device="cpu", runtime="openvino bf16")
    ready = seen(store, WorkerState.READY)
    assert (ready.device, ready.kind, ready.runtime) == ("cpu", "cpu", "openvino bf16")
    with presence.busy():
        busy = seen(store, WorkerState.BUSY)
    assert busy.resident_bytes > 1 << 20
    assert seen(store, WorkerState.READY, after=busy.seen_at).started_at == starting.started_at


def test_speed_is_of_the_time_in_which_pages_were_read_and_rests_where_none_were(
    store: MemoryJobStore, presence: Presence
) -> None:
    presence.ready(device="cpu", runtime="")
    with presence.busy():
        for _ in range(4):
            presence.page_read({"detection": 20.0, "recognition": 100.0})
        time.sleep(0.1)
    with presence.busy():
        time.sleep(0.01)  # it heard a ring and found no work
    worker = seen(store, WorkerState.READY, after=store.fleet.load().now)
    assert worker.pages_done == 4
    assert 10 < worker.pages_per_second <= 40
    counts = store.fleet.counts()
    assert counts["stage_ms|cpu|detection"] == 80
    assert (counts["page_seconds|cpu|0.25"], counts["page_seconds_sum|cpu"]) == (4, 480)
    assert (counts["unit_pages|cpu|4"], counts["unit_pages_sum|cpu"], counts["engine_starts|cpu"]) == (1, 4, 1)


def test_the_workers_of_a_node_that_is_to_drain_say_so(store: MemoryJobStore, presence: Presence) -> None:
    presence.ready(device="cpu", runtime="")
    store.fleet.drain(seen(store, WorkerState.READY).node, ttl_s=60)
    seen(store, WorkerState.DRAINING)


def test_a_worker_that_ends_is_gone_at_once(store: MemoryJobStore, presence: Presence) -> None:
    seen(store, WorkerState.STARTING)
    presence.close()
    assert store.fleet.workers() == []


def test_a_store_that_is_away_is_told_when_it_is_back(
    store: MemoryJobStore, presence: Presence, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = seen(store, WorkerState.STARTING)
    with monkeypatch.context() as patch:
        tries: list[str] = []

        def refuse(report: WorkerReport, *, ttl_s: float, counted: Mapping[str, int]) -> bool:
            tries.append(report.id)
            raise Unavailable("away")

        patch.setattr(store.fleet, "beat", refuse)
        presence.page_read({"detection": 1.0})
        while len(tries) < 3:
            time.sleep(BEAT_S)
    seen(store, WorkerState.STARTING, after=before.seen_at)
    assert store.fleet.counts()["stage_ms|gpu|detection"] == 1
