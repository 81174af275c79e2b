"""The job store for callers, in Redis."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from itertools import chain
from typing import Any

from producer.backends.redis_store.connection import PREFIX, Connection, available, job_key, pairs, texts
from producer.backends.redis_store.rows import counted_pages, record_of, request_row
from producer.contract.changes import Change, Changes
from producer.contract.errors import Expired, IdempotencyMismatch, InvalidRequest, NotFound, QueueFull
from producer.contract.jobs import Event, JobError, JobRecord, JobState
from producer.contract.leases import NewJob, SubmitOutcome, Submitted, too_many_pages, upload_taken
from producer.contract.listing import JobFilter, JobsPage

_EVENTS_BATCH = 500
_UNBOUNDED = 2**53
_CHANGES_BATCH = 1000


class RedisJobs:
    """`Jobs` in Redis: every change is one Lua script."""

    def __init__(self, connection: Connection) -> None:
        self._redis = connection

    def submit(self, job: NewJob) -> Submitted:
        outcome, job_id, ring = self._redis.run_list(
            "submit",
            *(job.id, job.owner, job.idempotency_key or "", job.fingerprint, job.reuse_key),
            *(job.ttl_s * 1000, job.retention_s * 1000, job.max_open),
            *(_UNBOUNDED if job.max_pages is None else job.max_pages, job.upload),
            *chain.from_iterable(request_row(job).items()),
        )
        if outcome == "mismatch":
            raise IdempotencyMismatch(details={"job_id": job_id})
        if outcome == "taken":
            raise upload_taken(job, job_id)
        if outcome == "full":
            raise QueueFull(f"{job.max_open} jobs are waiting or running; try again when some have ended")
        if outcome == "quota":
            raise too_many_pages(job)
        return Submitted(job_id=job_id, outcome=SubmitOutcome(outcome), ring=ring or None)

    def repeated(self, job: NewJob) -> Submitted | None:
        with available():
            seen = self._redis.client.get(f"{PREFIX}idempotency:{job.owner}:{job.idempotency_key or ''}")
            job_id, _, fingerprint = str(seen or "").partition(" ")
            if not job_id or not self._redis.client.exists(job_key(job_id)):
                return None
        if fingerprint != job.fingerprint:
            raise IdempotencyMismatch(details={"job_id": job_id})
        return Submitted(job_id=job_id, outcome=SubmitOutcome.EXISTING)

    def get(self, job_id: str) -> JobRecord:
        row = self._redis.hash(job_key(job_id))
        if not row:
            raise _no_job(job_id)
        return record_of(job_id, row)

    def cancel(self, job_id: str) -> None:
        if self._redis.run("cancel", job_id) == "missing":
            raise _no_job(job_id)

    def retry(self, job_id: str) -> str | None:
        outcome, ring = self._redis.run_list("retry", job_id, uuid.uuid4().hex)
        if outcome == "missing":
            raise _no_job(job_id)
        if outcome == "open":
            raise InvalidRequest(f"job {job_id} has not ended; cancel it first, or wait")
        if outcome == "expired":
            raise Expired()
        if outcome == "succeeded":
            raise InvalidRequest(f"job {job_id} has succeeded; submit the document again to read it anew")
        return ring or None

    def forget(self, job_id: str) -> None:
        if self._redis.run("forget", job_id, uuid.uuid4().hex) == "missing":
            raise _no_job(job_id)

    def was_forgotten(self, job_id: str) -> bool:
        with available():
            return bool(self._redis.client.exists(f"{PREFIX}forgotten:{job_id}"))

    def events(self, job_id: str, *, after: str = "0") -> list[Event]:
        # A stream costs 4 KB in Redis: a job gets one when it starts, and its first event is read off its record.
        found: list[Event] = []
        if after == "0":
            created = self._redis.hash(job_key(job_id)).get("created_ms")
            found += [Event(id=f"{int(created) - 1}-0", type="job.queued", data={})] if created else []
        with available():
            rows = self._redis.client.xrange(f"{job_key(job_id)}:events", min=f"({after}", count=_EVENTS_BATCH)
        events = ((str(row_id), texts(row or {})) for row_id, row in rows or [])
        return found + [Event(id=row_id, type=row["type"], data=json.loads(row["data"])) for row_id, row in events]

    def changes(self, *, after: str | None, owner: str | None = None) -> Changes:
        key, client = f"{PREFIX}changes", self._redis.client
        with available():
            if after is None:
                newest = client.xrevrange(key, count=1)
                return Changes(position=str(newest[0][0]) if newest else "0-0")
            rows = client.xrange(key, min=f"({after}", count=_CHANGES_BATCH)
        if not rows:
            return Changes(position=after)
        entries = [texts(row or {}) for _, row in rows]
        seen = {entry["job"]: None for entry in reversed(entries) if owner in (None, entry["owner"])}
        return Changes(position=str(rows[-1][0]), jobs=tuple(self._as_they_are([*seen][::-1])))

    def _as_they_are(self, job_ids: list[str]) -> Iterator[Change]:
        with available(), self._redis.client.pipeline(transaction=False) as pipeline:
            for job_id in job_ids:
                pipeline.hgetall(job_key(job_id))
            rows = pipeline.execute()
        for job_id, row in zip(job_ids, rows, strict=True):
            yield Change(job_id=job_id, record=record_of(job_id, texts(row)) if row else None)

    def pages(self, job_id: str) -> dict[int, JobError | None]:
        return counted_pages(self._redis.hash(f"{job_key(job_id)}:pages"))

    def page_of(self, wanted: JobFilter, *, after: str | None, limit: int) -> JobsPage:
        states = wanted.states or tuple(JobState)
        # Any: a nested answer, whose shape list.lua states.
        of = f":b:{wanted.batch}" if wanted.batch else f":t:{wanted.tag}" if wanted.tag else ""
        answer: Any = self._redis.run("list", wanted.owner, after or "", limit, of, *states)
        cursor, *found = answer
        records = (record_of(job_id, pairs(row)) for job_id, row in zip(found[::2], found[1::2], strict=True))
        return JobsPage(records=tuple(records), cursor=cursor or None)

    def batch(self, owner: str, batch_id: str) -> dict[JobState, int]:
        with available(), self._redis.client.pipeline() as pipeline:
            for state in JobState:
                pipeline.zcard(f"{PREFIX}list:{owner}:{state}:b:{batch_id}")
            return dict(zip(JobState, pipeline.execute(), strict=True))

    def dead(self, *, limit: int, owner: str | None = None) -> list[str]:
        key = f"{PREFIX}dead" if owner is None else f"{PREFIX}dead:{owner}"
        with available():
            return [str(job_id) for job_id in self._redis.client.zrevrange(key, 0, limit - 1)]


def _no_job(job_id: str) -> NotFound:
    return NotFound(f"there is no job {job_id}; its record may have passed its retention time")
