"""Pages that end, stall or bloat the process that reads them fail alone; the rest of the document is delivered."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from producer.contract.jobs import JobState
from tests.faults.commands import READ, Command, sleep
from tests.faults.fleet import MAX_ATTEMPTS, MEMORY_LIMIT_MIB, PAGE_TIMEOUT_S, VISIBILITY_S, Fleet

LEAK_MIB = 160  # two of them make a child larger than its recycling limit and smaller than a page's limit


@dataclass(frozen=True, kw_only=True, slots=True)
class Poison:
    """A page that cannot be read, and the code it fails with."""

    command: Command
    code: str


POISONS = (
    Poison(command=Command(action="segfault"), code="engine_crashed"),
    Poison(command=Command(action="abort"), code="engine_crashed"),
    Poison(command=Command(action="exit", amount=3), code="engine_crashed"),
    Poison(command=Command(action="oom_kill", amount=32), code="engine_crashed"),
    Poison(command=Command(action="sys_exit"), code="internal"),
    Poison(command=Command(action="recursion"), code="internal"),
    Poison(command=Command(action="memory_error"), code="out_of_memory"),
    Poison(command=Command(action="balloon", amount=MEMORY_LIMIT_MIB), code="out_of_memory"),
    Poison(command=sleep(10 * PAGE_TIMEOUT_S), code="page_timeout"),
)


@pytest.mark.timeout(600)
def test_each_kind_of_poison_page_fails_alone_after_its_attempts_and_the_worker_lives(fleet: Fleet) -> None:
    """Rows 10, 11 and 12. The poison is the second page of three, so that one page shares its unit and one does not."""
    jobs = {fleet.jobs.submit(READ, poison.command, READ, states=["partial"], spared=[2]): poison for poison in POISONS}
    fleet.check(timeout_s=400)
    codes = {job: {page: error.code for page, error in fleet.jobs.failures(job).items()} for job in jobs}
    assert codes == {job: {2: poison.code} for job, poison in jobs.items()}
    for job, poison in jobs.items():
        message = fleet.jobs.failures(job)[2].message
        assert f"after {MAX_ATTEMPTS} tries" in message, (poison, message)
    assert all(node.is_running() for node in fleet.nodes())
    assert {job.id for job in fleet.jobs.producer.dead_letters()} == jobs.keys()


def test_a_retry_reads_only_the_page_that_failed(fleet: Fleet) -> None:
    """Row 11: the page kills as often as it may, then it is read."""
    fatal = Command(action="exit", amount=3, times=MAX_ATTEMPTS)
    job = fleet.jobs.submit(READ, fatal, READ, states=["partial"], spared=[2])
    fleet.check()
    begun = fleet.jobs.begun()
    fleet.jobs.producer.retry(job)
    fleet.jobs.drain()
    assert fleet.jobs.job(job).status is JobState.SUCCEEDED
    assert fleet.jobs.begun() == begun + 1
    assert fleet.jobs.producer.dead_letters() == []
    assert fleet.jobs.failures(job) == {}


def test_a_document_of_one_poison_page_fails_with_its_code(fleet: Fleet) -> None:
    """Row 11: there is no rest to deliver."""
    job = fleet.jobs.submit(Command(action="sys_exit"), states=["failed"], spared=[1])
    fleet.check()
    error = fleet.jobs.job(job).error
    assert error is not None
    assert error.code == "internal"


def test_a_unit_that_takes_longer_than_the_visibility_timeout_is_read_once(fleet: Fleet) -> None:
    """Row 7: the heartbeat keeps the message and the lease."""
    job = fleet.jobs.submit(sleep(VISIBILITY_S * 0.8), sleep(VISIBILITY_S * 0.8))
    fleet.check()
    assert fleet.jobs.begun() == 2
    assert fleet.jobs.collector.claims(job) == 1


def test_a_child_that_leaks_is_replaced_between_units_and_nothing_is_read_twice(fleet: Fleet) -> None:
    """Row 13."""
    children = {*fleet.first.children(), *fleet.second.children()}
    jobs = [fleet.jobs.submit(Command(action="leak", amount=LEAK_MIB)) for _ in range(6)]
    fleet.check()
    assert fleet.jobs.begun() == len(jobs)
    assert children - {*fleet.first.children(), *fleet.second.children()}, "no child was replaced"
