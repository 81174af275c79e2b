"""The job store in Redis and its twin in memory, taken through the same steps and compared after each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

import redis

from producer.backends.memory_store import MemoryJobStore
from producer.backends.redis_store import RedisJobStore
from producer.contract.errors import OcrFleetError
from producer.contract.fleet import LineLoad
from producer.contract.jobs import TERMINAL_EVENTS, JobRecord, JobState
from producer.contract.leases import Claim, Lease, LeaseAnswer, LeaseState, Worker
from producer.contract.listing import JobFilter, JobsPage
from producer.contract.ports import JobStore, Leases
from producer.contract.webhooks import Delivery, DeliveryRecord

_Answer = TypeVar("_Answer")


@dataclass(frozen=True, kw_only=True, slots=True)
class LeasePair:
    """One unit's lease in both stores; their tokens differ."""

    real: Lease
    twin: Lease

    @property
    def unit(self) -> tuple[str, int]:
        return self.real.job_id, self.real.unit


@dataclass(frozen=True, kw_only=True, slots=True)
class DeliveryPair:
    """One attempt at a webhook in both stores."""

    real: Delivery
    twin: Delivery


class Twins:
    """Both stores. A step that they answer differently raises AssertionError."""

    def __init__(self, url: str) -> None:
        self.client = redis.Redis.from_url(url)
        self.client.flushdb()
        self.real = RedisJobStore(url)
        self.twin = MemoryJobStore()
        self.jobs: list[str] = []
        self.positions: list[str | None] = ["0-0", "0-0"]  # up to where changes were compared
        self.live: set[tuple[str, int]] = set()  # units that somebody holds

    def close(self) -> None:
        self.client.close()
        self.real.close()

    def both(self, step: Callable[[JobStore], _Answer]) -> _Answer | None:
        """Take the step in both; they answer the same, or refuse for the same reason. None: refused."""
        answers = [_answer_of(step, store) for store in (self.real, self.twin)]
        assert answers[0] == answers[1]
        return answers[0][0]

    def claim(self, worker: Worker, lease_s: float) -> LeasePair | None:
        real, twin = (store.leases.claim(worker, lease_s=lease_s) for store in (self.real, self.twin))
        assert _claimed(real) == _claimed(twin)
        if real is None or twin is None:
            return None
        pair = LeasePair(real=real.lease, twin=twin.lease)
        assert pair.unit not in self.live, "two workers hold one unit"
        self.live.add(pair.unit)
        return pair

    def under(
        self, pair: LeasePair, change: Callable[[Leases, Lease], LeaseAnswer], *, ends: bool = False
    ) -> LeaseState:
        """Make a change under a lease in both. `ends`: where it is held, the unit is held by nobody afterwards."""
        before = self.contents()
        real, twin = change(self.real.leases, pair.real), change(self.twin.leases, pair.twin)
        assert real == twin
        if real.state is LeaseState.STALE:
            assert self.contents() == before, "a stale lease changed something"
        elif pair.unit not in self.live:
            raise AssertionError("a lease counts that was given back")
        elif ends and real.state is LeaseState.HELD:
            self.live.discard(pair.unit)
        return real.state

    def attempt(self, event_id: str, lease_s: float) -> DeliveryPair | None:
        real, twin = (store.outbox.claim(event_id, lease_s=lease_s) for store in (self.real, self.twin))
        assert real == twin
        return DeliveryPair(real=real, twin=twin) if real and twin else None

    def due(self) -> list[str]:
        """What is due in both."""
        real, twin = (sorted(store.upkeep.due(limit=1000)) for store in (self.real, self.twin))
        assert real == twin
        return real

    def release_all(self, job_id: str) -> None:
        """The job has ended: nobody holds any of its units."""
        self.live = {unit for unit in self.live if unit[0] != job_id}

    def contents(self) -> dict[bytes | str, bytes | None]:
        """Every key of the database with its value."""
        keys = sorted(self.client.keys())
        with self.client.pipeline() as pipeline:
            for key in keys:
                pipeline.dump(key)
            return dict(zip(keys, pipeline.execute(), strict=True))

    def compare(self) -> None:
        """Both show the same of everything, and each run of each job has at most one end."""
        assert set(self.real.upkeep.backlog()) == set(self.twin.upkeep.backlog())
        assert set(self.real.jobs.dead(limit=1000)) == set(self.twin.jobs.dead(limit=1000))
        assert set(self.real.upkeep.outdated(limit=1000)) == set(self.twin.upkeep.outdated(limit=1000))
        self.due()
        for wanted in (JobFilter(owner=owner, tag=tag) for owner in ("", "a", "b") for tag in (None, "t")):
            listed = [store.jobs.page_of(wanted, after=None, limit=50) for store in (self.real, self.twin)]
            assert _ids(listed[0]) == _ids(listed[1])
        assert _load(self.real) == _load(self.twin)
        assert _counts(self.real) == _counts(self.twin)
        assert self.real.outbox.backlog().pending == self.twin.outbox.backlog().pending
        self.compare_changes()
        for job_id in self.jobs:
            record = self.both(partial(_record_of, job_id))
            assert self.real.jobs.pages(job_id) == self.twin.jobs.pages(job_id)
            kinds = [event.type for event in self.real.jobs.events(job_id)]
            assert kinds == [event.type for event in self.twin.jobs.events(job_id)]
            deliveries = [[_sent(one) for one in store.outbox.deliveries(job_id)] for store in (self.real, self.twin)]
            assert deliveries[0] == deliveries[1]
            if record:
                ends = sum(kind in TERMINAL_EVENTS for kind in kinds)
                assert ends == record.run + record.job.status.is_terminal
                if record.job.status.is_terminal:
                    self.release_all(job_id)

    def compare_changes(self) -> None:
        """The same jobs have changed in both since the last time, in the same order."""
        stores: tuple[JobStore, JobStore] = (self.real, self.twin)
        pairs = zip(stores, self.positions, strict=True)
        changes = [store.jobs.changes(after=position) for store, position in pairs]
        self.positions = [one.position for one in changes]
        real, twin = ([(one.job_id, one.record is None) for one in each.jobs] for each in changes)
        assert real == twin


def _ids(page: JobsPage) -> list[tuple[str, JobState]]:
    return [(record.job.id, record.job.status) for record in page.records]


def _answer_of(step: Callable[[JobStore], _Answer], store: JobStore) -> tuple[_Answer | None, type | None]:
    try:
        return step(store), None
    except OcrFleetError as error:
        return None, type(error)


def _claimed(claim: Claim | None) -> object:
    if claim is None:
        return None
    return (
        (claim.lease.job_id, claim.lease.unit, claim.plan, claim.deaths, claim.waits),
        (dict(claim.crashes), claim.more, _shown(claim.record)),
    )


def _record_of(job_id: str, store: JobStore) -> JobRecord:
    return _shown(store.jobs.get(job_id))


def _shown(record: JobRecord) -> JobRecord:
    """Without the times, which are read off two clocks; that there is one is compared."""
    job = record.job
    times = {name: None for name in ("started_at", "finished_at") if getattr(job, name) is not None}
    same = job.model_copy(update={"created_at": None, "tag": f"{sorted(times)}"} | times)
    return record.model_copy(update={"job": same})


def _counts(store: JobStore) -> dict[str, int]:
    """Without the time that deliveries took."""
    return {name: count for name, count in store.fleet.counts().items() if name != "webhook_lag_ms"}


def _load(store: JobStore) -> list[LineLoad]:
    """Without the times, which are read off two clocks; that there is one is compared."""
    lines = store.fleet.load().lines
    return [replace(line, oldest_waiting_s=0.0 if line.oldest_waiting_s is not None else None) for line in lines]


def _sent(delivery: DeliveryRecord) -> tuple[object, ...]:
    log = tuple((attempt.status, attempt.error) for attempt in delivery.log)
    return delivery.id, delivery.type, delivery.state, delivery.attempts, delivery.next_attempt_at is None, log
