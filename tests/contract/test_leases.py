"""Units of work and the leases on them, in Redis and in memory: renewal, fencing, what is counted against whom."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from producer.contract.jobs import JobError, JobState
from producer.contract.leases import LeaseState, Plan, Worker
from tests.contract.job_stores import CPU, JobStores

UNREADABLE = JobError(code="unreadable_document", message="broken")
STUCK = JobError(code="page_timeout", message="too slow", retryable=True)


def test_the_units_of_a_document_are_taken_in_order_by_different_workers(stores: JobStores) -> None:
    first = stores.start(pages=5, unit_pages=2)
    second = stores.claim(Worker(queues=CPU.queues, holder="here/2", device="cpu"))
    third = stores.claim()
    assert [first.unit, second.lease.unit, third.lease.unit] == [0, 1, 2]
    assert second.plan == Plan(page_count=5, pages_total=5, unit_pages=2)
    assert stores.leases.claim(CPU, lease_s=60) is None
    assert stores.leases.complete(third.lease, lease_s=60).state is LeaseState.HELD
    assert stores.leases.complete(first, lease_s=60).state is LeaseState.HELD
    assert stores.leases.complete(second.lease, lease_s=60).state is LeaseState.LAST


def test_workers_that_claim_at_once_never_share_a_unit(stores: JobStores) -> None:
    stores.start(pages=9)
    with ThreadPoolExecutor(8) as pool:
        claims = list(pool.map(lambda _: stores.leases.claim(CPU, lease_s=60), range(20)))
    units = [claim.lease.unit for claim in claims if claim]
    assert sorted(units) == list(range(1, 9))


def test_a_second_plan_changes_nothing(stores: JobStores) -> None:
    lease = stores.start(pages=4, unit_pages=2)
    stores.leases.plan(lease, Plan(page_count=9, pages_total=9, unit_pages=1))
    assert stores.jobs.get(lease.job_id).job.progress.pages_total == 4


def test_a_lease_that_ran_out_goes_to_the_next_worker_and_the_old_token_is_refused(stores: JobStores) -> None:
    old = stores.start(lease_s=0)
    assert stores.upkeep.due(limit=10) == [f"{old.job_id}/0"]
    assert stores.upkeep.revisit(f"{old.job_id}/0") == "ocr.any"
    assert stores.upkeep.due(limit=10) == []
    new = stores.claim().lease
    assert (old.unit, old.token) != (new.unit, new.token)
    stale = [
        stores.leases.heartbeat(old, lease_s=60),
        stores.leases.begin(old, 1),
        stores.leases.page(old, 1),
        stores.leases.plan(old, Plan(page_count=9, pages_total=9, unit_pages=1)),
        stores.leases.complete(old, lease_s=60),
        stores.leases.release(old, delay_s=0),
        stores.leases.crash(old, 1, STUCK),
        stores.leases.drop(old),
        stores.leases.finish(old, JobState.FAILED, error=UNREADABLE, outputs={}, is_dead=False),
    ]
    assert {answer.state for answer in stale} == {LeaseState.STALE}
    job = stores.jobs.get(old.job_id).job
    assert (job.status, job.progress.pages_done, job.attempts) == (JobState.RUNNING, 0, 2)
    assert stores.leases.heartbeat(new, lease_s=60).state is LeaseState.HELD


def test_a_heartbeat_keeps_the_unit(stores: JobStores) -> None:
    lease = stores.start(lease_s=0)
    stores.leases.heartbeat(lease, lease_s=60)
    assert stores.upkeep.due(limit=10) == []
    assert stores.upkeep.revisit(f"{lease.job_id}/0") is None
    assert stores.leases.heartbeat(lease, lease_s=60).state is LeaseState.HELD


def test_a_process_that_dies_of_a_page_is_counted_against_the_page(stores: JobStores) -> None:
    lease = stores.start(pages=3, unit_pages=3, lease_s=0)
    stores.leases.begin(lease, 2)
    stores.upkeep.revisit(f"{lease.job_id}/0")
    claim = stores.claim()
    assert (claim.deaths, claim.crashes[2].times, claim.crashes[2].code) == (0, 1, "engine_crashed")


def test_a_process_that_dies_between_pages_is_counted_against_the_unit(stores: JobStores) -> None:
    lease = stores.start(pages=3, unit_pages=3, lease_s=0)
    stores.leases.begin(lease, 1)
    stores.leases.page(lease, 1)
    stores.upkeep.revisit(f"{lease.job_id}/0")
    claim = stores.claim()
    assert (claim.deaths, dict(claim.crashes)) == (1, {})


def test_a_page_that_ends_its_process_on_purpose_is_counted_with_its_reason(stores: JobStores) -> None:
    lease = stores.start(pages=3, unit_pages=3)
    assert stores.leases.crash(lease, 2, STUCK).ring == "ocr.any"
    crash = stores.claim().crashes[2]
    assert (crash.times, crash.code, crash.message) == (1, "page_timeout", "too slow")
    assert stores.jobs.get(lease.job_id).job.attempts == 2


def test_a_failure_outside_of_any_page_is_counted_against_the_unit_with_its_reason(stores: JobStores) -> None:
    lease = stores.start()
    stores.leases.crash(lease, 0, STUCK)
    claim = stores.claim()
    assert (claim.deaths, claim.crashes[0].code, claim.crashes[0].message) == (1, "page_timeout", "too slow")


def test_a_unit_given_back_is_no_fault_and_comes_again_when_its_delay_is_over(stores: JobStores) -> None:
    lease = stores.start()
    assert stores.leases.release(lease, delay_s=30).ring is None
    assert stores.leases.claim(CPU, lease_s=60) is None
    assert stores.leases.heartbeat(lease, lease_s=60).state is LeaseState.STALE
    other = stores.start()
    assert stores.leases.release(other, delay_s=0).ring == "ocr.any"
    claim = stores.claim()
    assert (claim.lease.job_id, claim.deaths, claim.waits) == (other.job_id, 0, 1)
    assert claim.lease.token != other.token
    assert stores.jobs.get(other.job_id).job.attempts == 1


def test_a_page_is_counted_once_however_often_it_is_stored(stores: JobStores) -> None:
    lease = stores.start(pages=7, unit_pages=7)
    for error in (None, UNREADABLE, None):
        stores.leases.page(lease, 7, error=error)
    progress = stores.jobs.get(lease.job_id).job.progress
    assert (progress.pages_done, progress.pages_failed) == (1, 0)
    assert stores.leases.pages(lease.job_id) == {7: None}


def test_the_right_to_finish_goes_to_another_worker_when_its_holder_dies(stores: JobStores) -> None:
    lease = stores.start()
    stores.leases.page(lease, 1)
    stores.leases.complete(lease, lease_s=0)
    assert stores.upkeep.revisit(f"{lease.job_id}/0") == "ocr.any"
    claim = stores.claim()
    assert (claim.lease.unit, claim.deaths) == (0, 1)
    assert stores.leases.complete(claim.lease, lease_s=60).state is LeaseState.LAST
    stores.leases.finish(claim.lease, JobState.SUCCEEDED, error=None, outputs={}, is_dead=False)
    assert stores.jobs.get(lease.job_id).job.status is JobState.SUCCEEDED
