"""Workers and load, in Redis and in memory: who is heard of, what waits, what came of it."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise

import pytest

from producer.contract.fleet import FleetWorker, LineLoad, ScaleDecision, WorkerReport, WorkerState
from producer.contract.jobs import JobError, JobState
from producer.contract.leases import Lease, Plan, Worker
from producer.contract.names import queues_served_by
from tests.contract.job_stores import JobStores

BROKEN = JobError(code="unreadable_document", message="broken")


def report(pid: int = 7, *, state: WorkerState = WorkerState.READY) -> WorkerReport:
    return WorkerReport(
        id=f"here/1/{pid}",
        host="here",
        pid=pid,
        device="gpu:0",
        kind="gpu",
        state=state,
        runtime="onnxruntime float32",
        pages_done=3,
        pages_per_second=1.5,
        resident_bytes=1 << 20,
        started_at=datetime(2026, 11, 24, tzinfo=UTC),
    )


def shown(worker: FleetWorker) -> WorkerReport:
    return WorkerReport.model_validate(worker.model_dump(exclude={"seen_at"}))


def line(stores: JobStores) -> LineLoad:
    """The only one there is."""
    [found] = stores.fleet.load().lines
    return found


def numbers(stores: JobStores) -> list[tuple[int, int, int]]:
    """Waiting pages, unopened documents and running pages of each line."""
    lines = stores.fleet.load().lines
    return [(one.waiting_pages, one.unopened_jobs, one.running_pages) for one in lines]


# --- workers


def test_a_worker_is_shown_as_it_last_told_and_when_that_was(stores: JobStores) -> None:
    before = stores.fleet.load().now
    stores.fleet.beat(report(state=WorkerState.STARTING), ttl_s=60)
    stores.fleet.beat(report(), ttl_s=60)
    [worker] = stores.fleet.workers()
    assert shown(worker) == report()
    assert before <= worker.seen_at <= stores.fleet.load().now


def test_a_worker_that_is_silent_for_too_long_is_no_more_of_the_fleet(stores: JobStores) -> None:
    stores.fleet.beat(report(7), ttl_s=60)
    stores.fleet.beat(report(8), ttl_s=0.05)
    while len(found := stores.fleet.workers()) > 1:
        pass
    assert [worker.pid for worker in found] == [7]


def test_a_worker_that_leaves_is_gone_at_once_and_may_leave_twice(stores: JobStores) -> None:
    stores.fleet.beat(report(), ttl_s=60)
    stores.fleet.leave(report().id)
    stores.fleet.leave(report().id)
    assert stores.fleet.workers() == []


def test_the_workers_of_a_node_that_is_asked_to_drain_are_told_so(stores: JobStores) -> None:
    assert stores.fleet.beat(report(), ttl_s=60)
    stores.fleet.drain("here/1", ttl_s=60)
    assert not stores.fleet.beat(report(), ttl_s=60)
    assert stores.fleet.beat(report().model_copy(update={"id": "here/2/7"}), ttl_s=60)


# --- load


def test_the_pages_of_a_document_wait_run_and_are_gone(stores: JobStores) -> None:
    stores.submit()
    assert numbers(stores) == [(0, 1, 0)]
    first = stores.claim().lease
    assert numbers(stores) == [(0, 0, 1)]
    stores.leases.plan(first, Plan(page_count=5, pages_total=5, unit_pages=2))
    assert numbers(stores) == [(3, 0, 2)]
    second = stores.claim().lease
    assert numbers(stores) == [(1, 0, 4)]
    for lease, page in ((first, 1), (first, 2), (second, 3), (second, 4)):
        stores.leases.page(lease, page)
    for lease in (first, second):
        stores.leases.complete(lease, lease_s=60)
    assert numbers(stores) == [(1, 0, 0)]
    third = stores.claim().lease
    stores.leases.page(third, 5)
    stores.leases.complete(third, lease_s=60)
    stores.leases.finish(third, JobState.SUCCEEDED, error=None, outputs={}, is_dead=False)
    assert stores.fleet.load().lines == ()


def test_load_is_told_by_queue_and_priority(stores: JobStores) -> None:
    for device, priority in (("auto", "low"), ("auto", "low"), ("gpu:1", "high"), ("cpu", "normal")):
        stores.submit(device=device, priority=priority)
    lines = [(one.queue, one.priority, one.unopened_jobs) for one in stores.fleet.load().lines]
    assert lines == [("ocr.any", "low", 2), ("ocr.cpu", "normal", 1), ("ocr.gpu.1", "high", 1)]


@pytest.mark.parametrize("way", ["release", "crash"])
def test_a_unit_that_is_given_back_waits_again(stores: JobStores, way: str) -> None:
    lease = stores.start(pages=2, unit_pages=2)
    assert numbers(stores) == [(0, 0, 2)]
    if way == "release":
        stores.leases.release(lease, delay_s=60)
    else:
        stores.leases.crash(lease, 1, BROKEN)
    assert numbers(stores) == [(2, 0, 0)]


@pytest.mark.parametrize("way", ["cancel", "forget", "finish"])
def test_a_job_that_ends_or_is_deleted_adds_nothing_any_more(stores: JobStores, way: str) -> None:
    lease = stores.start(pages=9, unit_pages=2)
    if way == "cancel":
        stores.jobs.cancel(lease.job_id)
        assert numbers(stores) == [(0, 0, 2)]
        stores.leases.drop(lease)
    elif way == "forget":
        stores.jobs.forget(lease.job_id)
    else:
        stores.leases.finish(lease, JobState.FAILED, error=BROKEN, outputs={}, is_dead=False)
    assert stores.fleet.load().lines == ()


def test_a_job_that_is_run_again_is_a_document_to_be_opened(stores: JobStores) -> None:
    lease = stores.start(pages=3, unit_pages=3)
    stores.leases.finish(lease, JobState.FAILED, error=BROKEN, outputs={}, is_dead=False)
    stores.jobs.retry(lease.job_id)
    assert numbers(stores) == [(0, 1, 0)]


def test_the_oldest_that_waits_is_timed_and_where_nothing_waits_there_is_no_time(stores: JobStores) -> None:
    lease = stores.start(pages=1)
    assert line(stores).oldest_waiting_s is None
    stores.leases.crash(lease, 0, BROKEN)
    stores.submit()
    ages = [line(stores).oldest_waiting_s for _ in range(20)]
    assert all(older is not None and newer is not None and older <= newer for older, newer in pairwise(ages))


# --- what came of it


def test_pages_are_counted_by_the_kind_of_device_that_read_them_and_by_outcome(stores: JobStores) -> None:
    lease = _read(stores, failed=1)
    stores.leases.finish(lease, JobState.PARTIAL, error=None, outputs={}, is_dead=True)
    slots = stores.fleet.load().slots
    assert sum(slot.pages.get("cpu", 0) for slot in slots) == 3
    assert (sum(slot.opened_jobs for slot in slots), sum(slot.opened_pages for slot in slots)) == (1, 3)
    assert stores.fleet.counts() == {
        "pages|cpu|succeeded": 2,
        "pages|cpu|failed": 1,
        "page_failures|unreadable_document": 1,
        "jobs|partial": 1,
    }


def test_failures_of_jobs_and_crashes_are_counted_by_code(stores: JobStores) -> None:
    lease = stores.start(pages=1)
    stores.leases.crash(lease, 1, BROKEN)
    stores.leases.finish(stores.claim().lease, JobState.FAILED, error=BROKEN, outputs={}, is_dead=False)
    assert stores.fleet.counts() == {
        "crashes|unreadable_document": 1,
        "jobs|failed": 1,
        "job_failures|unreadable_document": 1,
    }


def test_a_page_that_is_counted_twice_is_one_page(stores: JobStores) -> None:
    lease = stores.start(pages=1)
    stores.leases.page(lease, 1)
    stores.leases.page(lease, 1)
    assert stores.fleet.counts() == {"pages|cpu|succeeded": 1}


def _read(stores: JobStores, *, failed: int) -> Lease:
    lease = stores.start(pages=3, unit_pages=3)
    for page in (1, 2, 3):
        stores.leases.page(lease, page, error=BROKEN if page == failed else None)
    return lease


# --- how many there should be


def test_a_decision_is_told_by_kind_until_its_time_is_over(stores: JobStores) -> None:
    def decision(kind: str, desired: int) -> ScaleDecision:
        return ScaleDecision(kind=kind, waiting_pages=1, running_pages=2, seconds_of_work=3.5, desired_workers=desired)

    stores.fleet.decide(decision("cpu", 1), ttl_s=60)
    stores.fleet.decide(decision("cpu", 2), ttl_s=60)
    stores.fleet.decide(decision("gpu", 3), ttl_s=0.05)
    while len(found := stores.fleet.decisions()) > 1:
        assert [one.kind for one in found] == ["gpu", "cpu"]
    assert found == [decision("cpu", 2)]


def test_unequal_workers_share_the_work_of_any_device_in_proportion_to_their_speed(stores: JobStores) -> None:
    jobs, unit_s = 40, {"gpu:0": 1, "cpu": 3}
    for _ in range(jobs):
        stores.submit()
    free_at = dict.fromkeys(unit_s, 0)
    taken = dict.fromkeys(unit_s, 0)
    for _ in range(jobs):
        device = min(free_at, key=lambda one: free_at[one])  # who is done first asks first
        lease = stores.claim(Worker(queues=queues_served_by(device), holder=device, device=device)).lease
        stores.leases.finish(lease, JobState.SUCCEEDED, error=None, outputs={}, is_dead=False)
        free_at[device] += unit_s[device]
        taken[device] += 1
    assert taken == {"gpu:0": 30, "cpu": 10}
