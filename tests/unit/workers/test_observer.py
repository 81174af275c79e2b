"""What the leader sees of the fleet, and what it tells."""

from __future__ import annotations

import pytest

from producer.backends.memory_store import MemoryJobStore
from producer.contract.fleet import ScaleDecision, WorkerReport, WorkerState
from producer.contract.leases import Plan
from tests.contract.job_stores import CPU, new_job
from tests.contract.test_fleet import report
from workers.autoscaler.observer import Observer, limits_of
from workers.autoscaler.policy import Limits
from workers.settings import AutoscaleSettings, WorkersOfKind


@pytest.fixture
def store() -> MemoryJobStore:
    return MemoryJobStore()


def observer(store: MemoryJobStore, **limits: Limits) -> Observer:
    return Observer(store, limits)


def worker(kind: str, pid: int, *, speed: float = 0.0) -> WorkerReport:
    return report(pid).model_copy(update={"kind": kind, "device": kind, "pages_per_second": speed})


def test_waiting_pages_of_a_kind_and_its_share_of_the_others_decide(store: MemoryJobStore) -> None:
    store.fleet.beat(worker("gpu", 1, speed=9.0), ttl_s=60)
    store.fleet.beat(worker("cpu", 2, speed=1.0), ttl_s=60)
    for device in ("gpu", "auto"):
        for _ in range(20):
            store.jobs.submit(new_job({"device": device}))
    found = {one.kind: one for one in observer(store).step()}
    assert (found["gpu"].waiting_pages, found["cpu"].waiting_pages) == (38, 2)
    assert found["gpu"].seconds_of_work == round(38 / 9, 1)


def test_work_for_any_device_starts_the_kind_that_is_listed_first_where_there_are_no_workers(
    store: MemoryJobStore,
) -> None:
    store.jobs.submit(new_job())
    found = observer(store, npu=Limits(max_workers=0), cpu=Limits(), gpu=Limits()).step()
    assert {one.kind: one.desired_workers for one in found} == {"gpu": 0, "npu": 0, "cpu": 1}


def test_a_worker_that_drains_is_none_of_those_that_are_there(store: MemoryJobStore) -> None:
    store.fleet.beat(worker("cpu", 1), ttl_s=60)
    store.fleet.beat(worker("cpu", 2).model_copy(update={"state": WorkerState.DRAINING}), ttl_s=60)
    [cpu] = observer(store).step()
    assert cpu.desired_workers == 1


def test_pages_that_are_read_count_as_work(store: MemoryJobStore) -> None:
    store.fleet.beat(worker("cpu", 1, speed=0.5), ttl_s=60)
    job = store.jobs.submit(new_job({"device": "cpu"}))
    claim = store.leases.claim(CPU, lease_s=60)
    assert claim
    assert claim.lease.job_id == job.job_id
    store.leases.plan(claim.lease, Plan(page_count=6, pages_total=6, unit_pages=4))
    [cpu] = observer(store).step()
    assert (cpu.waiting_pages, cpu.running_pages, cpu.seconds_of_work) == (2, 4, 12)


def test_one_leads_and_what_it_decided_is_told_to_all(store: MemoryJobStore) -> None:
    store.jobs.submit(new_job({"device": "cpu"}))
    first, second = observer(store, cpu=Limits()), observer(store, cpu=Limits())
    second._holder = "elsewhere/1"
    told = first.step()
    assert second.step() == []
    assert (
        store.fleet.decisions()
        == told
        == [ScaleDecision(kind="cpu", waiting_pages=1, running_pages=0, seconds_of_work=1, desired_workers=1)]
    )


def test_settings_name_the_fewest_and_the_most_of_each_kind() -> None:
    settings = AutoscaleSettings(kinds={"gpu": WorkersOfKind(min=1, max=8)}, target_wait_s=5)
    limits = limits_of(settings)["gpu"]
    assert (limits.min_workers, limits.max_workers, limits.target_wait_s) == (1, 8, 5)
