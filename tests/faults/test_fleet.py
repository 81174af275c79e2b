"""Without a fault the ledger is even; with one entry too many it is not."""

from __future__ import annotations

from producer.contract.jobs import JobState
from tests.faults.commands import READ
from tests.faults.fleet import Fleet
from tests.faults.ledger import Breach


def test_without_faults_nothing_is_lost_and_nothing_happens_twice(fleet: Fleet) -> None:
    jobs = [fleet.jobs.submit(*[READ] * pages) for pages in (1, 5, 2)]
    fleet.check()
    assert [fleet.jobs.job(job).status for job in jobs] == [JobState.SUCCEEDED] * 3
    assert fleet.jobs.begun() == 8


def test_a_job_that_vanishes_is_found_out(fleet: Fleet) -> None:
    kept, lost = fleet.jobs.submit(READ), fleet.jobs.submit(READ)
    fleet.check()
    fleet.jobs.store.jobs.forget(lost)
    assert [(found.breach, found.subject) for found in fleet.jobs.settle()] == [(Breach.LOST, lost)]
    assert fleet.jobs.job(kept).status is JobState.SUCCEEDED
