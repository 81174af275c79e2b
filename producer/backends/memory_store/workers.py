"""The in-memory job store for workers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from producer.backends.memory_store.state import Entry, State, Unit
from producer.contract.jobs import JobError, JobState, SourceInfo
from producer.contract.leases import Claim, Lease, LeaseAnswer, LeaseState, Plan, Worker
from producer.contract.names import kind_of

_STALE = LeaseAnswer(state=LeaseState.STALE)
_EXPIRED = JobError(code="expired", message="No worker took the job within its ttl_s; submit it again.", retryable=True)


class MemoryLeases:
    """`Leases` in memory."""

    def __init__(self, state: State) -> None:
        self._state = state

    def claim(self, worker: Worker, *, lease_s: float) -> Claim | None:
        state = self._state
        with state.lock:
            order = _order(next(state.turns))
            while entry := self._next(worker.queues, order):
                if entry.state is JobState.QUEUED and entry.expires <= state.now():
                    state.finish(entry, JobState.EXPIRED, _EXPIRED)
                    continue
                return self._start(entry, worker, lease_s)
            return None

    def heartbeat(self, lease: Lease, *, lease_s: float) -> LeaseAnswer:
        with self._state.lock:
            if not (found := self._state.held(lease)):
                return _STALE
            entry, unit = found
            unit.at = self._state.now() + lease_s
            return _held(entry)

    def fetched(self, lease: Lease, source: SourceInfo, *, queue: str) -> LeaseAnswer:
        with self._state.lock:
            if not (found := self._state.held(lease)):
                return _STALE
            entry, unit = found
            if entry.cancel_requested:
                return _held(entry)
            entry.new = replace(entry.new, source=source)
            # It waits for its device as if it had been sent.
            entry.state, entry.device, entry.started = JobState.QUEUED, None, None
            entry.attempts -= 1
            entry.expires = self._state.now() + entry.new.ttl_s
            self._state.changed(entry)
            unit.waits = 0
            return LeaseAnswer(state=LeaseState.HELD, ring=self._state.put_back(entry, lease.unit, delay_s=0))

    def plan(self, lease: Lease, plan: Plan) -> LeaseAnswer:
        with self._state.lock:
            if not (found := self._state.held(lease)):
                return _STALE
            entry, _ = found
            if entry.cancel_requested or entry.plan:
                return _held(entry)
            entry.plan = plan
            self._state.count_now("opened_jobs", 1)
            self._state.count_now("opened_pages", plan.pages_total)
            self._state.changed(entry)
            return LeaseAnswer(state=LeaseState.HELD, ring=self._state.offer(entry))

    def pages(self, job_id: str) -> dict[int, JobError | None]:
        with self._state.lock:
            entry = self._state.jobs.get(job_id)
            return dict(entry.pages) if entry else {}

    def begin(self, lease: Lease, page: int) -> LeaseAnswer:
        with self._state.lock:
            if not (found := self._state.held(lease)):
                return _STALE
            entry, unit = found
            if not entry.cancel_requested:
                unit.page = page
            return _held(entry)

    def page(self, lease: Lease, page: int, *, error: JobError | None = None) -> LeaseAnswer:
        with self._state.lock:
            if not (found := self._state.held(lease)):
                return _STALE
            entry, unit = found
            if page not in entry.pages:
                entry.pages[page] = error
                self._count(unit.kind, error)
                self._state.emit(entry, "page.failed" if error else "page.done", {"page": page})
            unit.page = 0
            return _held(entry)

    def complete(self, lease: Lease, *, lease_s: float) -> LeaseAnswer:
        with self._state.lock:
            if not (found := self._state.held(lease)):
                return _STALE
            entry, unit = found
            if entry.cancel_requested:
                return _held(entry)
            entry.units_done += not unit.is_done
            if entry.units_done < entry.units_total:
                del entry.units[lease.unit]
                return LeaseAnswer(state=LeaseState.HELD, ring=self._state.offer(entry))
            unit.is_done, unit.page, unit.at = True, 0, self._state.now() + lease_s
            return LeaseAnswer(state=LeaseState.LAST)

    def release(self, lease: Lease, *, delay_s: float) -> LeaseAnswer:
        with self._state.lock:
            if not (found := self._state.held(lease)):
                return _STALE
            entry, unit = found
            unit.waits += 1
            return LeaseAnswer(state=LeaseState.HELD, ring=self._state.put_back(entry, lease.unit, delay_s=delay_s))

    def crash(self, lease: Lease, page: int, error: JobError, *, delay_s: float = 0) -> LeaseAnswer:
        with self._state.lock:
            if not (found := self._state.held(lease)):
                return _STALE
            entry, unit = found
            self._state.count_crash(entry, page, error)
            if not page:
                unit.deaths += 1
            entry.attempts += 1
            return LeaseAnswer(state=LeaseState.HELD, ring=self._state.put_back(entry, lease.unit, delay_s=delay_s))

    def drop(self, lease: Lease) -> LeaseAnswer:
        with self._state.lock:
            if not (found := self._state.held(lease)):
                return _STALE
            del found[0].units[lease.unit]
            self._state.leave(found[0])
            return LeaseAnswer(state=LeaseState.HELD)

    def finish(
        self, lease: Lease, state: JobState, *, error: JobError | None, outputs: Mapping[str, str], is_dead: bool
    ) -> LeaseAnswer:
        with self._state.lock:
            if not (found := self._state.held(lease)):
                return _STALE
            self._state.finish(found[0], state, error, outputs, is_dead=is_dead)
            return LeaseAnswer(state=LeaseState.HELD)

    def _count(self, kind: str, error: JobError | None) -> None:
        self._state.counts[f"pages|{kind}|{'failed' if error else 'succeeded'}"] += 1
        if error:
            self._state.counts[f"page_failures|{error.code}"] += 1
        self._state.count_now(f"pages|{kind}", 1)

    def _next(self, queues: tuple[str, ...], order: tuple[str, ...]) -> Entry | None:
        """The job whose turn it is: by priority, then the owner served longest ago, then its longest waiting job."""
        for priority in order:
            heads = [
                (self._state.places[queue, priority, owner], place, owner, jobs)
                for place, queue in enumerate(queues)
                for owner, jobs in self._state.ready.get((queue, priority), {}).items()
            ]
            if heads:
                *_, jobs = min(heads, key=lambda head: head[:3])  # ties as Redis breaks them
                return self._state.jobs[min(jobs, key=lambda job_id: jobs[job_id])]
        return None

    def _start(self, entry: Entry, worker: Worker, lease_s: float) -> Claim:
        state = self._state
        if entry.redo:
            number = entry.redo.popleft()
        else:
            number = entry.next_unit
            entry.next_unit += 1
        token, before = str(next(state.tokens)), entry.units.get(number, Unit())
        entry.units[number] = replace(before, token=token, kind=kind_of(worker.device), at=state.now() + lease_s)
        entry.device = worker.device
        entry.expires = state.now() + entry.new.ttl_s
        if entry.state is JobState.QUEUED:
            entry.state, entry.attempts = JobState.RUNNING, entry.attempts + 1
            entry.started = entry.started or state.now()
            if worker.device != "io":  # it only fetches the document
                state.emit(entry, "job.started", {"device": worker.device})
        state.unready(entry)
        state.offer(entry)
        state.served[entry.new.owner] = tick = next(state.ticks)
        if state.place(entry) in state.places:
            state.places[state.place(entry)] = tick
        return Claim(
            lease=Lease(job_id=entry.new.id, unit=number, token=token),
            record=entry.record(),
            plan=entry.plan,
            deaths=before.deaths,
            waits=before.waits,
            crashes=dict(entry.crashes),
            more=tuple(q for q in worker.queues if any(line and key[0] == q for key, line in state.ready.items())),
        )


def _held(entry: Entry) -> LeaseAnswer:
    return LeaseAnswer(state=LeaseState.CANCELLED if entry.cancel_requested else LeaseState.HELD)


def _order(turn: int) -> tuple[str, ...]:
    """High first, but every 4th claim looks at normal first and every 16th at low."""
    if turn % 16 == 0:
        return ("low", "normal", "high")
    return ("normal", "high", "low") if turn % 4 == 0 else ("high", "normal", "low")
