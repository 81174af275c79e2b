"""The in-memory job store for the reconciler and for webhook deliveries."""

from __future__ import annotations

from producer.backends.memory_store.state import Entry, Row, State, utc
from producer.contract.errors import InvalidRequest, NotFound
from producer.contract.jobs import Event, JobError, JobState
from producer.contract.leases import LostJob, NewJob, Plan, SubmitOutcome, Submitted
from producer.contract.measures import WebhookBacklog
from producer.contract.webhooks import (
    AttemptRecord,
    Delivery,
    DeliveryRecord,
    DeliveryState,
    DueDelivery,
    Outcome,
    event_id,
)

_CRASHED = JobError(code="engine_crashed", message="the process that read the page died")
_EXPIRED = JobError(code="expired", message="The job was not done within its ttl_s; submit it again.", retryable=True)
_LOG_KEPT = 20


class MemoryUpkeep:
    """`Upkeep` in memory."""

    def __init__(self, state: State) -> None:
        self._state = state

    def due(self, *, limit: int) -> list[str]:
        now = self._state.now()
        with self._state.lock:
            found = []
            for job_id, entry in self._state.jobs.items():
                if entry.state.is_terminal:
                    continue
                found += [job_id] if entry.expires <= now else []
                found += [f"{job_id}/{number}" for number, unit in entry.units.items() if unit.at <= now]
            return found[:limit]

    def revisit(self, due: str) -> str | None:
        state = self._state
        job_id, _, number = due.partition("/")
        with state.lock:
            entry = state.jobs.get(job_id)
            if entry is None or entry.state.is_terminal:
                return None
            if number:
                return self._revisit_unit(entry, int(number))
            if entry.expires <= state.now() and not entry.in_work:
                state.finish(entry, JobState.EXPIRED, _EXPIRED)
            return None

    def backlog(self) -> list[str]:
        with self._state.lock:
            return sorted({queue for (queue, _), line in self._state.ready.items() if line})

    def outdated(self, *, limit: int) -> list[str]:
        state = self._state
        with state.lock:
            old = [job_id for job_id, entry in state.jobs.items() if entry.keep_until <= state.now()]
            return [job_id for job_id in old if job_id not in state.swept][:limit]

    def mark_swept(self, job_id: str) -> None:
        with self._state.lock:
            self._state.swept.add(job_id)
            self._state.dead.pop(job_id, None)

    def restore(self, lost: LostJob) -> Submitted:
        state, job, key = self._state, lost.record.job, (lost.record.owner, lost.record.job.idempotency_key or "")
        with state.lock:
            if job.id in state.jobs or job.id in state.forgotten:
                return Submitted(job_id=job.id, outcome=SubmitOutcome.EXISTING)
            if job.idempotency_key:
                other = state.jobs.get(state.idempotency.get(key, ("", ""))[0])
                if other and other.state.is_terminal and not job.status.is_terminal and job.id < other.new.id:
                    return Submitted(job_id=other.new.id, outcome=SubmitOutcome.EXISTING)
                rank = (job.status.is_terminal, job.id)
                if other is None or rank > (other.state.is_terminal, other.new.id):
                    state.idempotency[key] = (job.id, lost.fingerprint)
            entry = _entry(lost, state.now())
            state.jobs[job.id] = entry
            if not job.status.is_terminal:
                state.changed(entry)
                return Submitted(job_id=job.id, outcome=SubmitOutcome.CREATED, ring=state.offer(entry))
            if lost.is_dead:
                state.dead[job.id] = entry.finished or 0.0
            if lost.reuse_key and job.status is JobState.SUCCEEDED:
                state.reuse[lost.reuse_key] = job.id
            state.emit(entry, f"job.{job.status}", job.error.model_dump() if job.error else {})
            state.owe_webhook(entry, f"job.{job.status}")
            return Submitted(job_id=job.id, outcome=SubmitOutcome.CREATED)

    def lead(self, role: str, holder: str, *, lease_s: float) -> bool:
        now = self._state.now()
        with self._state.lock:
            leader, until = self._state.leaders.get(role, (holder, 0.0))
            if leader != holder and until > now:
                return False
            self._state.leaders[role] = (holder, now + lease_s)
            return True

    def _revisit_unit(self, entry: Entry, number: int) -> str | None:
        state = self._state
        unit = entry.units.get(number)
        if unit is None or unit.at > state.now():
            return None
        if unit.token is None:
            return state.redo(entry, number)
        if unit.page:
            state.count_crash(entry, unit.page, _CRASHED)
        else:
            unit.deaths += 1
        entry.attempts += 1
        return state.put_back(entry, number, delay_s=0)


class MemoryOutbox:
    """`Outbox` in memory."""

    def __init__(self, state: State) -> None:
        self._state = state

    def due(self, *, limit: int, after: int = 0) -> list[DueDelivery]:
        now = self._state.now()
        with self._state.lock:
            due = [(row.due, one, row) for one, row in self._state.rows.items() if row.state == "pending"]
            late = sorted(found for found in due if found[0] <= now)[after:]
            free = [DueDelivery(id=one, url=row.url) for _, one, row in late if row.claimed_until <= now]
            return free[:limit]

    def claim(self, event_id: str, *, lease_s: float) -> Delivery | None:
        now = self._state.now()
        with self._state.lock:
            row = self._state.rows.get(event_id)
            if row is None or row.state is not DeliveryState.PENDING or row.claimed_until > now:
                return None
            if self._state.gone.get(row.url, 0.0) > now:
                row.state = DeliveryState.DISABLED
                return None
            row.attempts, row.claims = row.attempts + 1, row.claims + 1
            row.claimed_until = now + lease_s
            return Delivery(
                id=event_id,
                job_id=row.job_id,
                type=row.type,
                url=row.url,
                attempt=row.attempts,
                claim=row.claims,
                body=row.body,
            )

    def settle(self, delivery: Delivery, outcome: Outcome) -> None:
        now = self._state.now()
        with self._state.lock:
            row = self._state.rows.get(delivery.id)
            if row is None or row.claims != delivery.claim:
                return
            self._state.counts[f"webhooks|{outcome.state}"] += 1
            if outcome.state is DeliveryState.DELIVERED:
                self._state.counts["webhook_lag_ms"] += int((now - row.created) * 1000)
            attempt = AttemptRecord(number=row.claims, at=utc(now), status=outcome.status, error=outcome.error)
            row.log = (*row.log, attempt)[-_LOG_KEPT:]
            row.state, row.body = outcome.state, outcome.body
            row.claimed_until = row.due = now + outcome.delay_s
            if outcome.disable_s:
                self._state.gone[row.url] = now + outcome.disable_s
            if row.job_id in self._state.jobs:
                self._state.changed(self._state.jobs[row.job_id])

    def backlog(self) -> WebhookBacklog:
        with self._state.lock:
            due = [row.due for row in self._state.rows.values() if row.state is DeliveryState.PENDING]
        return WebhookBacklog(pending=len(due), overdue_s=max(0.0, self._state.now() - min(due)) if due else 0.0)

    def redeliver(self, event_id: str) -> None:
        with self._state.lock:
            row = self._state.rows.get(event_id)
            if row is None:
                raise NotFound(f"there is no delivery {event_id}; it may have passed its retention time")
            if row.state is DeliveryState.SUPERSEDED:
                raise InvalidRequest(f"delivery {event_id} was never made: the job was run again; its next end is told")
            row.state, row.attempts, row.claimed_until = DeliveryState.PENDING, 0, 0.0
            row.due = self._state.now()
            self._state.gone.pop(row.url, None)

    def deliveries(self, job_id: str) -> list[DeliveryRecord]:
        with self._state.lock:
            entry = self._state.jobs.get(job_id)
            ids = [event_id(job_id, run) for run in range(entry.run + 1)] if entry else []
            return [_record(one, self._state.rows[one]) for one in ids if one in self._state.rows]


def _entry(lost: LostJob, now: float) -> Entry:
    """A lost job as it is kept; one that had not ended waits again."""
    record, job = lost.record, lost.record.job
    new = NewJob(
        id=job.id,
        request=record.request,
        source=record.source,
        ttl_s=record.ttl_s,
        retention_s=record.retention_s,
        owner=record.owner,
        remote=record.remote,
        batch=record.batch,
        idempotency_key=job.idempotency_key,
        fingerprint=lost.fingerprint,
        reuse_key=lost.reuse_key,
    )
    entry = Entry(new=new, created=job.created_at.timestamp(), expires=now + lost.wait_s, run=record.run)
    entry.attempts, entry.keep_until, entry.pages = job.attempts, now + lost.keep_s, dict(lost.pages)
    entry.events.append(Event(id=f"{int(entry.created * 1000) - 1}-0", type="job.queued", data={}))
    if not job.status.is_terminal:
        return entry
    entry.state, entry.device, entry.error, entry.outputs = job.status, job.device, job.error, job.outputs
    entry.started = job.started_at.timestamp() if job.started_at else None
    entry.finished = job.finished_at.timestamp() if job.finished_at else None
    total, done = job.progress.pages_total, job.progress.pages_done
    entry.plan = Plan(page_count=total, pages_total=total, unit_pages=total) if total else None
    if job.status is JobState.SUCCEEDED:  # its pages are not looked at: its record tells their number
        entry.pages = dict.fromkeys(range(1, done + 1))
    return entry


def _record(event: str, row: Row) -> DeliveryRecord:
    waits = row.state is DeliveryState.PENDING and row.claimed_until > 0
    return DeliveryRecord(
        id=event,
        job_id=row.job_id,
        type=row.type,
        url=row.url,
        state=row.state,
        attempts=row.claims,
        created_at=utc(row.created),
        next_attempt_at=utc(row.claimed_until) if waits else None,
        log=row.log,
    )
