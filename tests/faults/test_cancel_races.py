"""Cancel meets a job in every state and between every two steps: it ends once, as cancelled or as what it became."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from producer.backends.redis_store import PREFIX
from producer.contract.errors import Unavailable
from producer.contract.jobs import JobError, JobState
from producer.contract.leases import Lease, LeaseState, Plan
from tests.contract.job_stores import CPU
from tests.faults.bench import Bench, at_once
from tests.faults.commands import READ
from tests.faults.ledger import TERMINAL
from tests.servers.process import wait_until
from workers import failpoints

WEBHOOK = {"url": "https://example.org/hook"}
ENDS = ("cancelled", "succeeded")
BEFORE_THE_END = ("after_claim", "after_plan", "before_put", "after_put", "after_commit", "before_complete")
AT_THE_END = ("after_complete", "before_finish", "after_finish")
ROUNDS = 20


@contextmanager
def reading_until(bench: Bench, name: str, folder: Path) -> Iterator[None]:
    """A worker stands at the failpoint while the block runs, and then goes on until there is no work."""
    failpoints.arm(f"{name}:barrier:1", folder)
    reader = bench.processor()

    def read() -> None:
        while reader.work(keep_message=lambda: None):
            pass

    thread = threading.Thread(target=read)
    thread.start()
    try:
        wait_until((folder / f"{name}.reached").exists, lambda: f"nobody came by {name}")
        yield
    finally:
        (folder / f"{name}.go").touch()
        thread.join()
        failpoints.arm("", None)


def ended_once(bench: Bench, job_id: str) -> str:
    """The job's state, when its story has one end and one webhook."""
    kinds = (event.type.removeprefix("job.") for event in bench.collector.events(job_id))
    terminal = [f"job.{kind}" for kind in kinds if kind in TERMINAL]
    state = bench.producer.status(job_id).status
    assert terminal == [f"job.{state}"]
    assert [row.type for row in bench.producer.deliveries(job_id)] == terminal
    return state


@pytest.mark.parametrize("name", [*BEFORE_THE_END, *AT_THE_END])
def test_a_cancel_between_two_steps_leaves_one_end(bench: Bench, tmp_path: Path, name: str) -> None:
    """Row 31: before its last unit is complete a job is cancelled; after that it is what it has become."""
    job_id = bench.submit(READ, READ, states=ENDS, webhook=WEBHOOK)
    with reading_until(bench, name, tmp_path):
        bench.producer.cancel(job_id)
    assert ended_once(bench, job_id) == ("cancelled" if name in BEFORE_THE_END else "succeeded")
    bench.finish()
    assert bench.violations() == []


@pytest.mark.parametrize("steps", range(4))
def test_a_cancelled_job_whose_worker_died_ends_all_the_same(bench: Bench, steps: int) -> None:
    """Row 31: the holder never hears of the cancel; when its lease is over the job ends, cancelled."""
    job_id = bench.submit(READ, states=ENDS, webhook=WEBHOOK)
    claim = bench.store.leases.claim(CPU, lease_s=60)
    assert claim
    deeds: list[Callable[[], object]] = [
        lambda: bench.store.leases.plan(claim.lease, Plan(page_count=1, pages_total=1, unit_pages=1)),
        lambda: bench.store.leases.begin(claim.lease, 1),
        lambda: bench.store.leases.complete(claim.lease, lease_s=60),
    ]
    for deed in deeds[:steps]:
        deed()
    assert bench.producer.cancel(job_id).status is JobState.RUNNING
    bench.finish()
    assert ended_once(bench, job_id) == "cancelled"
    assert bench.store.leases.claim(CPU, lease_s=60) is None
    assert bench.violations() == []


def test_a_waiting_job_and_one_that_was_put_off_are_cancelled_at_once(bench: Bench) -> None:
    """Row 31: nobody works on it, so nobody has to be asked."""
    waiting = bench.submit(READ, states=ENDS, webhook=WEBHOOK)
    assert bench.producer.cancel(waiting).status is JobState.CANCELLED
    put_off = bench.submit(READ, states=ENDS, webhook=WEBHOOK)
    claim = bench.store.leases.claim(CPU, lease_s=60)
    assert claim
    bench.store.leases.release(claim.lease, delay_s=60)
    assert bench.producer.cancel(put_off).status is JobState.CANCELLED
    assert [ended_once(bench, job_id) for job_id in (waiting, put_off)] == ["cancelled"] * 2
    assert bench.store.leases.claim(CPU, lease_s=60) is None
    assert bench.client.zcard(f"{PREFIX}due") == 0
    assert bench.violations() == []


def test_an_ended_job_stays_what_it_is(bench: Bench) -> None:
    """Row 31: cancelling what has ended changes nothing and tells nobody."""
    jobs = {}
    for state in (JobState.SUCCEEDED, JobState.PARTIAL, JobState.FAILED):
        job_id = bench.submit(READ, states=(state, "cancelled"), webhook=WEBHOOK)
        error = JobError(code="internal", message="x") if state is JobState.FAILED else None
        bench.store.leases.finish(taken(bench), state, error=error, outputs={}, is_dead=False)
        jobs[job_id] = state
    gone = bench.submit(READ, states=("cancelled", "expired"), webhook=WEBHOOK)
    bench.producer.cancel(gone)
    jobs[gone] = JobState.CANCELLED
    late = bench.submit(READ, states=("cancelled", "expired"), webhook=WEBHOOK)
    bench.client.zadd(f"{PREFIX}due", {late: 0})
    bench.reconciler.step()
    jobs[late] = JobState.EXPIRED
    for job_id, state in jobs.items():
        assert bench.producer.cancel(job_id).status is state
        assert ended_once(bench, job_id) == state
    assert bench.violations() == []


def test_cancel_and_completion_at_the_same_moment_leave_one_end(bench: Bench) -> None:
    """Row 31: twenty rounds of cancel against complete and finish, in two threads."""
    ends = []
    for _ in range(ROUNDS):
        job_id = bench.submit(READ, states=ENDS, webhook=WEBHOOK)
        lease = taken(bench)
        bench.store.leases.page(lease, 1)

        def complete(lease: Lease = lease) -> None:
            if bench.store.leases.complete(lease, lease_s=60).state is LeaseState.LAST:
                bench.store.leases.finish(lease, JobState.SUCCEEDED, error=None, outputs={}, is_dead=False)
            else:
                bench.store.leases.drop(lease)

        def cancel(job_id: str = job_id) -> None:
            bench.store.jobs.cancel(job_id)

        at_once(complete, cancel)
        ends.append(ended_once(bench, job_id))
    assert set(ends) <= set(ENDS)
    bench.finish()
    assert bench.violations() == []


def test_a_job_that_is_cancelled_while_the_store_is_down_ends_when_it_is_back(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Row 31: the manifest of a cancelled job cannot be written; the job is cancelled all the same."""
    job_id = bench.submit(READ, states=ENDS, webhook=WEBHOOK)

    def refuse(*_: object, **__: object) -> None:
        raise Unavailable()

    with monkeypatch.context() as patch:
        patch.setattr(bench.objects, "put", refuse)
        with pytest.raises(Unavailable):
            bench.producer.cancel(job_id)
    assert bench.producer.cancel(job_id).status is JobState.CANCELLED
    assert ended_once(bench, job_id) == "cancelled"


def taken(bench: Bench) -> Lease:
    """The lease of the next job's one unit, planned."""
    claim = bench.store.leases.claim(CPU, lease_s=60)
    assert claim
    bench.store.leases.plan(claim.lease, Plan(page_count=1, pages_total=1, unit_pages=1))
    return claim.lease
