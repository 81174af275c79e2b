"""Random steps of callers, workers, the reconciler and webhooks: Redis behaves as its twin in memory does."""

from __future__ import annotations

from typing import Any, ClassVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from producer.contract.jobs import JobError, JobState
from producer.contract.leases import LeaseState, NewJob, Plan, Worker
from producer.contract.names import queues_served_by
from producer.contract.webhooks import DeliveryState, Outcome, event_id
from tests.contract.job_stores import WEBHOOK, new_job
from tests.integration.twins import DeliveryPair, LeasePair, Twins
from tests.servers.redis import RedisServer

LOST = JobError(code="page_timeout", message="too slow", retryable=True)
BROKEN = JobError(code="unreadable_document", message="broken")
WORKERS = tuple(Worker(queues=queues_served_by(device), holder=device, device=device) for device in ("cpu", "gpu:0"))
MANY = 100_000
pick = st.integers(0, MANY)  # one of a list, whatever its length
flag = st.booleans()
page_number = st.integers(1, 3)  # few, so that pages are counted again
lease_s = st.sampled_from([60.0, 60.0, 0.0])
delay_s = st.sampled_from([0.0, 0.0, 1000.0])
requests = st.fixed_dictionaries(
    {"priority": st.sampled_from(["low", "normal", "high"]), "device": st.sampled_from(["auto", "cpu", "gpu"])},
    optional={"tag": st.just("t"), "webhook": st.sampled_from([WEBHOOK, WEBHOOK | {"events": ["job.failed"]}])},
)


class TwinMachine(RuleBasedStateMachine):
    """Every rule takes one step in both stores, which must answer alike; `compare` then looks at everything."""

    url: ClassVar[str]

    def __init__(self) -> None:
        super().__init__()
        self.twins = Twins(self.url)
        self.new: list[NewJob] = []
        self.leases: list[LeasePair] = []
        self.attempts: list[DeliveryPair] = []

    def teardown(self) -> None:
        self.twins.close()

    # --- callers

    @initialize(asked=st.lists(requests, min_size=4, max_size=4), owners=st.permutations(["", "a", "b", "b"]))
    def submit_some(self, asked: list[dict[str, object]], owners: list[str]) -> None:
        """Steps are chosen blindly, and most of them need a job."""
        for request, owner in zip(asked, owners, strict=True):
            self._submit(new_job(request, owner=owner))

    @precondition(lambda self: len(self.new) < 10)
    @rule(
        request=requests,
        owner=st.sampled_from(["", "a", "b"]),
        key=st.sampled_from([None, None, "k"]),
        fingerprint=st.sampled_from("fg"),
        reuse_key=st.sampled_from(["", "", "r"]),
        ttl_s=st.sampled_from([3600, 3600, 3600, 0]),
        retention_s=st.sampled_from([3600, 3600, 0]),
    )
    def submit(self, request: dict[str, object], ttl_s: int, retention_s: int, **fields: Any) -> None:  # Any: new_job's
        self._submit(new_job(request, ttl_s=ttl_s, retention_s=retention_s if ttl_s else 3600, **fields))

    @precondition(lambda self: self.twins.jobs)
    @rule(job=pick)
    def submit_again(self, job: int) -> None:
        job_id = self._job(job)
        new = next(one for one in self.new if one.id == job_id)
        if not self.twins.both(lambda store: store.jobs.was_forgotten(job_id)):
            self.twins.both(lambda store: store.jobs.submit(new))

    @precondition(lambda self: self.twins.jobs)
    @rule(job=pick)
    def cancel(self, job: int) -> None:
        job_id = self._job(job)
        self.twins.both(lambda store: store.jobs.cancel(job_id))

    @precondition(lambda self: self.twins.jobs)
    @rule(job=pick)
    def retry(self, job: int) -> None:
        job_id = self._job(job)
        self.twins.both(lambda store: store.jobs.retry(job_id))

    @precondition(lambda self: len(self.twins.jobs) > 3)
    @rule(job=pick)
    def forget(self, job: int) -> None:
        job_id = self._job(job)
        self.twins.both(lambda store: store.jobs.forget(job_id))
        self.twins.release_all(job_id)
        assert self.twins.both(lambda store: store.jobs.was_forgotten(job_id))

    # --- workers

    @rule(worker=st.sampled_from(WORKERS), lease_s=lease_s)
    def claim(self, worker: Worker, lease_s: float) -> None:
        pair = self.twins.claim(worker, lease_s)
        if pair:
            self.leases.append(pair)

    @precondition(lambda self: self.leases)
    @rule(lease=pick, pages=page_number, unit_pages=st.integers(1, 2))
    def plan(self, lease: int, pages: int, unit_pages: int) -> None:
        plan = Plan(page_count=pages, pages_total=pages, unit_pages=unit_pages)
        self.twins.under(self._lease(lease), lambda leases, held: leases.plan(held, plan))

    @precondition(lambda self: self.leases)
    @rule(lease=pick, lease_s=lease_s)
    def heartbeat(self, lease: int, lease_s: float) -> None:
        self.twins.under(self._lease(lease), lambda leases, held: leases.heartbeat(held, lease_s=lease_s))

    @precondition(lambda self: self.leases)
    @rule(lease=pick, page=page_number, error=st.sampled_from([None, None, LOST]), counted=flag)
    def read_page(self, lease: int, page: int, error: JobError | None, counted: bool) -> None:
        pair = self._lease(lease)
        if counted:
            self._read_page(pair, page, error)
        else:
            self.twins.under(pair, lambda leases, held: leases.begin(held, page))

    @precondition(lambda self: self.leases)
    @rule(lease=pick, lease_s=lease_s, error=st.sampled_from([None, LOST, BROKEN]), finishes=flag)
    def complete(self, lease: int, lease_s: float, error: JobError | None, finishes: bool) -> None:
        pair = self._lease(lease)
        state = self.twins.under(pair, lambda leases, held: leases.complete(held, lease_s=lease_s), ends=True)
        if state is LeaseState.LAST and finishes:
            self._finish(pair, error)

    @precondition(lambda self: self.leases)
    @rule(lease=pick, delay_s=delay_s)
    def release(self, lease: int, delay_s: float) -> None:
        self.twins.under(self._lease(lease), lambda leases, held: leases.release(held, delay_s=delay_s), ends=True)

    @precondition(lambda self: self.leases)
    @rule(lease=pick, page=st.integers(0, 5), delay_s=delay_s)
    def crash(self, lease: int, page: int, delay_s: float) -> None:
        self.twins.under(
            self._lease(lease), lambda leases, held: leases.crash(held, page, LOST, delay_s=delay_s), ends=True
        )

    @precondition(lambda self: self.leases)
    @rule(lease=pick)
    def drop(self, lease: int) -> None:
        pair = self._lease(lease)
        if self.twins.under(pair, lambda leases, held: leases.heartbeat(held, lease_s=60)) is LeaseState.CANCELLED:
            self.twins.under(pair, lambda leases, held: leases.drop(held), ends=True)

    @precondition(lambda self: self.leases)
    @rule(lease=pick)
    def give_up(self, lease: int) -> None:
        self._finish(self._lease(lease), BROKEN)

    @rule(
        worker=st.sampled_from(WORKERS),
        pages=st.integers(1, 3),
        error=st.sampled_from([None, LOST, BROKEN]),
        retries=flag,
    )
    def do_a_unit(self, worker: Worker, pages: int, error: JobError | None, retries: bool) -> None:
        """From the claim to the end, as a worker does when nothing goes wrong: random steps seldom come that far."""
        pair = self.twins.claim(worker, 60)
        if pair is None:
            return
        self.leases.append(pair)
        plan = Plan(page_count=pages, pages_total=pages, unit_pages=2)
        self.twins.under(pair, lambda leases, held: leases.plan(held, plan))
        for page in range(2 * pair.real.unit + 1, 2 * pair.real.unit + 3):
            self._read_page(pair, page, error)
        if self.twins.under(pair, lambda leases, held: leases.complete(held, lease_s=60), ends=True) is LeaseState.LAST:
            self._finish(pair, error)
            if retries:
                self.twins.both(lambda store: store.jobs.retry(pair.real.job_id))

    # --- reconciler and webhooks

    @rule(due=pick)
    def revisit(self, due: int) -> None:
        found = self.twins.due()
        if not found:
            return
        one = found[due % len(found)]
        job_id, _, unit = one.partition("/")
        self.twins.both(lambda store: store.upkeep.revisit(one))
        if unit:
            self.twins.live.discard((job_id, int(unit)))

    @precondition(lambda self: self.leases)
    @rule(lease=pick)
    def revisit_too_early(self, lease: int) -> None:
        job_id, unit = self._lease(lease).unit
        name = f"{job_id}/{unit}"
        if name not in self.twins.due():
            assert self.twins.both(lambda store: store.upkeep.revisit(name)) is None

    @precondition(lambda self: self.twins.jobs)
    @rule(job=pick, run=st.integers(0, 2), lease_s=lease_s)
    def attempt_webhook(self, job: int, run: int, lease_s: float) -> None:
        attempt = self.twins.attempt(event_id(self._job(job), run), lease_s)
        if attempt:
            self.attempts.append(attempt)

    @precondition(lambda self: self.attempts)
    @rule(
        attempt=pick,
        state=st.sampled_from([DeliveryState.PENDING, DeliveryState.DELIVERED, DeliveryState.GIVEN_UP]),
        delay_s=delay_s,
        disable_s=st.sampled_from([0.0, 0.0, 1000.0]),
    )
    def settle_webhook(self, attempt: int, state: DeliveryState, delay_s: float, disable_s: float) -> None:
        pair = self.attempts.pop(attempt % len(self.attempts))
        outcome = Outcome(state=state, body="{}", status=500, delay_s=delay_s, disable_s=disable_s)
        self.twins.real.outbox.settle(pair.real, outcome)
        self.twins.twin.outbox.settle(pair.twin, outcome)

    @precondition(lambda self: self.twins.jobs)
    @rule(job=pick, run=st.integers(0, 1))
    def redeliver(self, job: int, run: int) -> None:
        event = event_id(self._job(job), run)
        self.twins.both(lambda store: store.outbox.redeliver(event))

    @rule()
    def look_for_due_webhooks(self) -> None:
        self.twins.both(lambda store: sorted(one.id for one in store.outbox.due(limit=1000)))

    @invariant()
    def both_show_the_same(self) -> None:
        self.twins.compare()

    def _submit(self, new: NewJob) -> None:
        self.new.append(new)
        answer = self.twins.both(lambda store: store.jobs.submit(new))
        if answer and answer.job_id == new.id:
            self.twins.jobs.append(new.id)

    def _read_page(self, pair: LeasePair, page: int, error: JobError | None) -> None:
        self.twins.under(pair, lambda leases, held: leases.begin(held, page))
        self.twins.under(pair, lambda leases, held: leases.page(held, page, error=error))

    def _finish(self, pair: LeasePair, error: JobError | None) -> None:
        state = JobState.FAILED if error else JobState.SUCCEEDED
        is_dead = error is not None and error.retryable
        outputs = {} if error else {"json": "/x"}
        answer = self.twins.under(
            pair, lambda leases, held: leases.finish(held, state, error=error, outputs=outputs, is_dead=is_dead)
        )
        if answer is LeaseState.HELD:
            self.twins.release_all(pair.real.job_id)

    def _job(self, number: int) -> str:
        return self.twins.jobs[number % len(self.twins.jobs)]

    def _lease(self, number: int) -> LeasePair:
        """The newest are the likeliest to count; old ones must change nothing."""
        recent = self.leases[-6:]
        return recent[number % len(recent)]


def test_redis_does_what_its_twin_does(redis_server: RedisServer) -> None:
    class Here(TwinMachine):
        url = redis_server.database_url(14)

    run_state_machine_as_test(
        Here,
        settings=settings(
            max_examples=25, stateful_step_count=50, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
