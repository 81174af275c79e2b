"""The in-memory job store for callers."""

from __future__ import annotations

from producer.backends.memory_store.state import CANCELLED, Entry, State
from producer.contract.changes import Change, Changes
from producer.contract.errors import Expired, IdempotencyMismatch, InvalidRequest, QueueFull
from producer.contract.jobs import Event, JobError, JobRecord, JobState
from producer.contract.leases import NewJob, SubmitOutcome, Submitted, too_many_pages, upload_taken
from producer.contract.listing import JobFilter, JobsPage
from producer.contract.webhooks import DeliveryState, event_id

_EVENTS_BATCH = 500
_CHANGES_BATCH = 1000


class MemoryJobs:
    """`Jobs` in memory."""

    def __init__(self, state: State) -> None:
        self._state = state

    def submit(self, job: NewJob) -> Submitted:
        state = self._state
        with state.lock:
            if job.id in state.jobs:
                entry = state.jobs[job.id]
                return Submitted(job_id=job.id, outcome=SubmitOutcome.CREATED, ring=entry.queue)
            answer = self.repeated(job) or self._reused(job)
            if answer:
                return answer
            taker = state.uploads.get((job.owner, job.upload)) if job.upload else None
            if taker in state.jobs and not state.jobs[taker].state.is_terminal:
                raise upload_taken(job, taker)
            if sum(one.looked_at for one in state.jobs.values()) >= job.max_open:
                raise QueueFull(f"{job.max_open} jobs are waiting or running; try again when some have ended")
            if job.max_pages is not None and state.in_flight(job.owner) >= job.max_pages:
                raise too_many_pages(job)
            now = state.now()
            entry = Entry(new=job, created=now, expires=now + job.ttl_s, keep_until=now + job.ttl_s + job.retention_s)
            entry.events.append(Event(id=f"{int(now * 1000) - 1}-0", type="job.queued", data={}))
            state.jobs[job.id] = entry
            if job.idempotency_key:
                state.idempotency[job.owner, job.idempotency_key] = (job.id, job.fingerprint)
            if job.upload:
                state.uploads[job.owner, job.upload] = job.id
            state.changed(entry)
            return Submitted(job_id=job.id, outcome=SubmitOutcome.CREATED, ring=state.offer(entry))

    def repeated(self, job: NewJob) -> Submitted | None:
        state = self._state
        with state.lock:
            seen = state.idempotency.get((job.owner, job.idempotency_key or ""))
            if seen is None or seen[0] not in state.jobs:
                return None
            if seen[1] != job.fingerprint:
                raise IdempotencyMismatch(details={"job_id": seen[0]})
            return Submitted(job_id=seen[0], outcome=SubmitOutcome.EXISTING)

    def get(self, job_id: str) -> JobRecord:
        with self._state.lock:
            return self._state.entry(job_id).record()

    def cancel(self, job_id: str) -> None:
        with self._state.lock:
            entry = self._state.entry(job_id)
            if entry.state.is_terminal:
                return
            if entry.in_work:
                entry.cancel_requested = True
                self._state.unready(entry)
            else:
                self._state.finish(entry, JobState.CANCELLED, CANCELLED)

    def retry(self, job_id: str) -> str | None:
        state = self._state
        with state.lock:
            entry = state.entry(job_id)
            if not entry.state.is_terminal:
                raise InvalidRequest(f"job {job_id} has not ended; cancel it first, or wait")
            if entry.state is JobState.SUCCEEDED:
                raise InvalidRequest(f"job {job_id} has succeeded; submit the document again to read it anew")
            if entry.keep_until <= state.now():
                raise Expired()
            row = state.rows.get(event_id(job_id, entry.run))
            if row and not row.attempts:
                row.state = DeliveryState.SUPERSEDED
            entry.pages = {page: error for page, error in entry.pages.items() if error is None}
            entry.state, entry.plan, entry.error, entry.outputs = JobState.QUEUED, None, None, {}
            entry.next_unit = entry.units_done = 0
            entry.started = entry.finished = None
            entry.expires = state.now() + entry.new.ttl_s
            entry.keep_until = entry.expires + entry.new.retention_s
            entry.run += 1
            state.dead.pop(job_id, None)
            state.emit(entry, "job.queued", {})
            return state.offer(entry)

    def forget(self, job_id: str) -> None:
        with self._state.lock:
            entry = self._state.entry(job_id)
            self._state.unready(entry)
            self._state.dead.pop(job_id, None)
            for run in range(entry.run + 1):
                self._state.rows.pop(event_id(job_id, run), None)
            del self._state.jobs[job_id]
            self._state.changed(entry)
            self._state.forgotten.add(job_id)

    def was_forgotten(self, job_id: str) -> bool:
        with self._state.lock:
            return job_id in self._state.forgotten

    def events(self, job_id: str, *, after: str = "0") -> list[Event]:
        with self._state.lock:
            entry = self._state.jobs.get(job_id)
            events = entry.events if entry else []
            return [event for event in events if _order(event.id) > _order(after)][:_EVENTS_BATCH]

    def changes(self, *, after: str | None, owner: str | None = None) -> Changes:
        state = self._state
        with state.lock:
            if after is None:
                return Changes(position=f"{state.changes[-1][0] if state.changes else 0}-0")
            new = [one for one in state.changes if (one[0], 0) > _order(after)][:_CHANGES_BATCH]
            seen = {job_id: None for _, job_id, whose in reversed(new) if owner in (None, whose)}
            found = ((job_id, state.jobs.get(job_id)) for job_id in [*seen][::-1])
            jobs = tuple(Change(job_id=job_id, record=entry.record() if entry else None) for job_id, entry in found)
            return Changes(position=f"{new[-1][0]}-0" if new else after, jobs=jobs)

    def pages(self, job_id: str) -> dict[int, JobError | None]:
        with self._state.lock:
            entry = self._state.jobs.get(job_id)
            return dict(entry.pages) if entry else {}

    def page_of(self, wanted: JobFilter, *, after: str | None, limit: int) -> JobsPage:
        state = self._state
        with state.lock:
            ids = sorted(
                (
                    job_id
                    for job_id, entry in state.jobs.items()
                    if entry.matches(wanted) and job_id not in state.swept and (after is None or job_id < after)
                ),
                reverse=True,
            )
            records = tuple(state.jobs[job_id].record() for job_id in ids[:limit])
            return JobsPage(records=records, cursor=ids[limit - 1] if len(ids) > limit else None)

    def batch(self, owner: str, batch_id: str) -> dict[JobState, int]:
        wanted, state = JobFilter(owner=owner, batch=batch_id), self._state
        with state.lock:
            of = [one.state for one in state.jobs.values() if one.matches(wanted) and one.new.id not in state.swept]
            return {each: of.count(each) for each in JobState}

    def dead(self, *, limit: int, owner: str | None = None) -> list[str]:
        dead, jobs = self._state.dead, self._state.jobs
        with self._state.lock:
            of_owner = (one for one in dead if owner is None or jobs[one].new.owner == owner)
            return sorted(of_owner, key=lambda one: dead[one], reverse=True)[:limit]

    def _reused(self, job: NewJob) -> Submitted | None:
        """An earlier job whose result answers this submission."""
        state = self._state
        done = state.reuse.get(job.reuse_key) if job.reuse_key else None
        entry = state.jobs.get(done) if done else None
        if entry and entry.state is JobState.SUCCEEDED and entry.keep_until > state.now():
            return Submitted(job_id=entry.new.id, outcome=SubmitOutcome.REUSED)
        return None


def _order(event: str) -> tuple[int, ...]:
    return tuple(int(part) for part in event.split("-"))
