"""The job store for workers, in Redis."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import uuid_utils

from producer.backends.redis_store.connection import Connection, job_key, pairs
from producer.backends.redis_store.rows import counted_pages, json_or_empty, plan_of, record_of
from producer.contract.jobs import JobError, JobState, SourceInfo
from producer.contract.leases import Claim, Crash, Lease, LeaseAnswer, LeaseState, Plan, Worker


class RedisLeases:
    """`Leases` in Redis: every change is one Lua script that checks the lease's token."""

    def __init__(self, connection: Connection) -> None:
        self._redis = connection

    def claim(self, worker: Worker, *, lease_s: float) -> Claim | None:
        # Any: a nested answer, whose shape claim.lua states.
        answer: Any = self._redis.run(
            "claim", worker.holder, worker.device, _ms(lease_s), uuid_utils.uuid7().hex, *worker.queues
        )
        if not answer:
            return None
        job_id, unit, token, deaths, waits, row, crashes, more = answer
        record = pairs(row)
        return Claim(
            lease=Lease(job_id=job_id, unit=int(unit), token=token),
            record=record_of(job_id, record),
            plan=plan_of(record),
            deaths=int(deaths),
            waits=int(waits),
            crashes={int(page): Crash(**json.loads(crash)) for page, crash in pairs(crashes).items()},
            more=tuple(more),
        )

    def heartbeat(self, lease: Lease, *, lease_s: float) -> LeaseAnswer:
        return self._change("heartbeat", lease, _ms(lease_s))

    def plan(self, lease: Lease, plan: Plan) -> LeaseAnswer:
        return self._change("plan", lease, plan.pages_total, plan.page_count, plan.unit_pages)

    def fetched(self, lease: Lease, source: SourceInfo, *, queue: str) -> LeaseAnswer:
        return self._change("fetched", lease, source.model_dump_json(), queue)

    def pages(self, job_id: str) -> dict[int, JobError | None]:
        return counted_pages(self._redis.hash(f"{job_key(job_id)}:pages"))

    def begin(self, lease: Lease, page: int) -> LeaseAnswer:
        return self._change("begin", lease, page)

    def page(self, lease: Lease, page: int, *, error: JobError | None = None) -> LeaseAnswer:
        return self._change("page", lease, page, json_or_empty(error))

    def complete(self, lease: Lease, *, lease_s: float) -> LeaseAnswer:
        return self._change("complete", lease, _ms(lease_s))

    def release(self, lease: Lease, *, delay_s: float) -> LeaseAnswer:
        return self._change("release", lease, _ms(delay_s))

    def crash(self, lease: Lease, page: int, error: JobError, *, delay_s: float = 0) -> LeaseAnswer:
        return self._change("crash", lease, page, error.code, error.message, _ms(delay_s))

    def drop(self, lease: Lease) -> LeaseAnswer:
        return self._change("drop", lease)

    def finish(
        self, lease: Lease, state: JobState, *, error: JobError | None, outputs: Mapping[str, str], is_dead: bool
    ) -> LeaseAnswer:
        return self._change("finish", lease, state, json_or_empty(error), json.dumps(dict(outputs)), int(is_dead))

    def _change(self, script: str, lease: Lease, *argv: str | int) -> LeaseAnswer:
        state, ring = self._redis.run_list(script, lease.job_id, lease.unit, lease.token, *argv)
        return LeaseAnswer(state=LeaseState(state), ring=ring or None)


def _ms(seconds: float) -> int:
    return int(seconds * 1000)
