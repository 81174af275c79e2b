"""The same thing done many times at once has one effect: reconcilers, finalisers, pages, submissions."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from redis import Redis

from producer.backends.redis_store import PREFIX, RedisJobStore
from producer.contract import names
from producer.contract.errors import IdempotencyMismatch
from producer.contract.jobs import JobState
from producer.contract.leases import Claim, LeaseAnswer, LeaseState, Plan
from tests.contract.job_stores import CPU, WEBHOOK, new_job
from tests.faults.bench import LATEST_S, Bell, Bench, at_once, own_process, reconciler, request_of
from tests.faults.caseload import FILENAME
from tests.faults.commands import READ, document, sleep
from tests.servers.process import wait_until

AT_ONCE = 5
SUBMISSIONS = 50


def states(answers: list[object]) -> Counter[LeaseState]:
    return Counter(answer.state for answer in answers if isinstance(answer, LeaseAnswer))


def claimed(store: RedisJobStore, *, pages: int = 1) -> Claim:
    """A job with a webhook, planned and taken."""
    store.jobs.submit(new_job({"webhook": WEBHOOK}))
    claim = store.leases.claim(CPU, lease_s=60)
    assert claim
    store.leases.plan(claim.lease, Plan(page_count=pages, pages_total=pages, unit_pages=pages))
    return claim


def let_lease_run_out(client: Redis, claim: Claim) -> None:
    client.zadd(f"{PREFIX}due", {f"{claim.lease.job_id}/{claim.lease.unit}": 0})


def test_a_dead_lease_is_taken_back_once_by_any_number_of_reconcilers(bench: Bench) -> None:
    """Row 27: five reconcilers find the same dead worker; the unit is offered once and one death is counted."""
    claim = claimed(bench.store)
    let_lease_run_out(bench.client, claim)
    due = f"{claim.lease.job_id}/{claim.lease.unit}"
    rings = at_once(*[lambda: bench.store.upkeep.revisit(due)] * AT_ONCE)
    assert Counter(rings) == {names.QUEUE_ANY: 1, None: AT_ONCE - 1}
    again = bench.store.leases.claim(CPU, lease_s=60)
    assert again
    assert (again.lease.unit, again.deaths) == (claim.lease.unit, 1)
    assert bench.store.leases.claim(CPU, lease_s=60) is None
    assert bench.store.jobs.get(claim.lease.job_id).job.attempts == 2


def test_two_reconcilers_that_both_lead_do_no_harm(bench: Bench) -> None:
    """Row 27: the leadership is a saving, not a lock; a frozen leader that wakes up mends nothing twice."""
    claims = [claimed(bench.store) for _ in range(10)]
    for claim in claims:
        let_lease_run_out(bench.client, claim)
    leaders = [reconciler(bench.store, Bell(), bench.objects) for _ in range(2)]  # one process: they share a name
    at_once(*[leader.step for leader in leaders])
    taken = [bench.store.leases.claim(CPU, lease_s=60) for _ in claims]
    assert {claim.lease.job_id for claim in taken if claim} == {claim.lease.job_id for claim in claims}
    assert [claim.deaths for claim in taken if claim] == [1] * len(claims)
    assert bench.store.leases.claim(CPU, lease_s=60) is None


def test_a_page_that_is_counted_five_times_at_once_counts_once(bench: Bench) -> None:
    """Row 27: the same page comes five times at once, from its holder and from ghosts."""
    claim = claimed(bench.store)
    answers = at_once(*[lambda: bench.store.leases.page(claim.lease, 1)] * AT_ONCE)
    assert states(answers) == {LeaseState.HELD: AT_ONCE}
    assert bench.store.jobs.get(claim.lease.job_id).job.progress.pages_done == 1
    kinds = [event.type for event in bench.store.jobs.events(claim.lease.job_id)]
    assert kinds.count("page.done") == 1


def test_five_finalisers_end_a_job_once(bench: Bench) -> None:
    """Row 27: one terminal state, one event and one webhook row, whoever was first."""
    claim = claimed(bench.store)
    bench.store.leases.page(claim.lease, 1)
    assert bench.store.leases.complete(claim.lease, lease_s=60).state is LeaseState.LAST

    def finish() -> object:
        return bench.store.leases.finish(claim.lease, JobState.SUCCEEDED, error=None, outputs={}, is_dead=False)

    assert states(at_once(*[finish] * AT_ONCE)) == {LeaseState.HELD: 1, LeaseState.STALE: AT_ONCE - 1}
    kinds = [event.type for event in bench.store.jobs.events(claim.lease.job_id)]
    assert kinds.count("job.succeeded") == 1
    assert len(bench.store.outbox.deliveries(claim.lease.job_id)) == 1
    due = bench.store.outbox.due(limit=10)
    taken = at_once(*[lambda: bench.store.outbox.claim(due[0].id, lease_s=60)] * AT_ONCE)
    assert sum(delivery is not None for delivery in taken) == 1


def test_a_finaliser_that_woke_up_late_ends_nothing(bench: Bench) -> None:
    """Row 27: the right to finish went to another; the first one's is stale, and the units are not counted twice."""
    first = claimed(bench.store)
    bench.store.leases.page(first.lease, 1)
    bench.store.leases.complete(first.lease, lease_s=60)
    let_lease_run_out(bench.client, first)
    bench.store.upkeep.revisit(f"{first.lease.job_id}/0")
    second = bench.store.leases.claim(CPU, lease_s=60)
    assert second
    assert bench.store.leases.complete(second.lease, lease_s=60).state is LeaseState.LAST
    ends = [
        bench.store.leases.finish(claim.lease, JobState.SUCCEEDED, error=None, outputs={}, is_dead=False).state
        for claim in (first, second)
    ]
    assert ends == [LeaseState.STALE, LeaseState.HELD]


def test_processes_share_the_work_and_read_no_page_twice(
    bench: Bench, redis_url: str, desk: Path, tmp_path: Path
) -> None:
    """Row 27: three processes are told of the same work at once."""
    jobs = [bench.submit(sleep(0.2), READ) for _ in range(10)]
    store_url = (tmp_path / "objects").as_uri()
    readers = [own_process("cpu", redis_url=redis_url, store_url=store_url, desk=desk) for _ in range(3)]
    wait_until(lambda: not any(one.is_running() for one in readers), lambda: "still reading", timeout_s=LATEST_S)
    bench.finish()
    pids = {entry.pid for entry in bench.desk.log()}
    assert len(pids - {os.getpid()}) == len(pids) > 1
    begun = Counter(entry.page for entry in bench.desk.log() if entry.event == "begin")
    assert set(begun.values()) == {len(jobs)}
    assert {bench.producer.status(job_id).attempts for job_id in jobs} == {1}
    assert bench.violations() == []


def test_fifty_submissions_with_one_key_make_one_job_and_one_set_of_objects(bench: Bench) -> None:
    """Row 28: fifty clients send the same request with the same key at once."""
    data = document([READ])

    def submit() -> str:
        return bench.producer.submit(data, request_of({}), filename=FILENAME, idempotency_key="once").id

    ids = {str(job_id) for job_id in at_once(*[submit] * SUBMISSIONS)}
    assert len(ids) == 1
    assert {key.split("/")[1] for key in bench.objects.keys("jobs/")} == ids
    bench.enter(ids.pop(), data)
    bench.finish()
    assert bench.violations() == []


def test_one_key_with_two_requests_at_once_is_one_job_and_409_for_the_other(bench: Bench) -> None:
    """Row 28: half of fifty clients send another document under the key; whoever comes second is refused."""
    bodies = [document([READ]), document([READ], first_number=7)]

    def submit(data: bytes) -> str:
        try:
            return bench.producer.submit(data, request_of({}), filename=FILENAME, idempotency_key="once").id
        except IdempotencyMismatch:
            return "mismatch"

    def submit_one(number: int) -> Callable[[], object]:
        return lambda: submit(bodies[number % 2])

    answers = Counter(at_once(*[submit_one(number) for number in range(SUBMISSIONS)]))
    assert answers["mismatch"] == SUBMISSIONS // 2
    assert len(answers) == 2
    (job_id,) = (str(one) for one in answers if one != "mismatch")
    assert {key.split("/")[1] for key in bench.objects.keys("jobs/")} == {job_id}
    source = bench.store.jobs.get(job_id).source.sha256
    (data,) = (body for body in bodies if source == hashlib.sha256(body).hexdigest())
    bench.enter(job_id, data)
    bench.finish()
    assert bench.violations() == []
