"""What the in-memory job store keeps, and the steps that its roles share: the twin of `prelude.lua`."""

from __future__ import annotations

import itertools
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from producer.contract.errors import NotFound
from producer.contract.fleet import SLOT_S, LineLoad, ScaleDecision, WorkerReport
from producer.contract.jobs import Event, Job, JobError, JobRecord, JobState, Progress, links_of, utc_from_ms
from producer.contract.leases import Crash, Lease, NewJob, Plan
from producer.contract.listing import JobFilter
from producer.contract.webhooks import AttemptRecord, DeliveryState, event_id

WINDOW = 32
CHANGES_KEPT = 10_000
CANCELLED = JobError(code="cancelled", message="The job was cancelled.")


@dataclass(slots=True, kw_only=True)
class Unit:
    """One unit in work or waiting. `token` is None while nobody holds it."""

    token: str | None = None
    kind: str = ""  # of the device that has it, or had it last
    page: int = 0
    deaths: int = 0
    waits: int = 0
    is_done: bool = False  # every page is counted; its holder finishes the job
    at: float = 0.0  # when the lease or the delay is over


@dataclass(slots=True, kw_only=True)
class Entry:
    """One job and all that belongs to it."""

    new: NewJob
    created: float
    expires: float
    state: JobState = JobState.QUEUED
    started: float | None = None
    finished: float | None = None
    device: str | None = None
    attempts: int = 0
    error: JobError | None = None
    outputs: Mapping[str, str] = field(default_factory=dict)
    run: int = 0
    plan: Plan | None = None
    next_unit: int = 0
    units_done: int = 0
    cancel_requested: bool = False
    units: dict[int, Unit] = field(default_factory=dict)
    crashes: dict[int, Crash] = field(default_factory=dict)
    redo: deque[int] = field(default_factory=deque)
    pages: dict[int, JobError | None] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    keep_until: float = 0.0

    @property
    def queue(self) -> str:
        return self.new.queue

    @property
    def in_work(self) -> int:
        return sum(unit.token is not None for unit in self.units.values())

    @property
    def looked_at(self) -> int:
        """How much of it the reconciler has an eye on: the job, and its units in work or waiting for their time."""
        return (not self.state.is_terminal) + sum(unit.at < float("inf") for unit in self.units.values())

    @property
    def units_total(self) -> int:
        """Before it is planned a job has one unit."""
        return -(-self.plan.pages_total // self.plan.unit_pages) if self.plan else 1

    def matches(self, wanted: JobFilter) -> bool:
        is_tagged = wanted.tag is None or self.new.request.tag == wanted.tag
        is_of = self.new.owner == wanted.owner and wanted.batch in (None, self.new.batch)
        return is_of and is_tagged and (not wanted.states or self.state in wanted.states)

    @property
    def load(self) -> LineLoad:
        """What it adds to the load of its line."""
        line = LineLoad(queue=self.queue, priority=self.new.request.priority)
        if self.state.is_terminal:
            return line
        if not self.plan:
            waits = not self.in_work and not self.cancel_requested
            return replace(line, unopened_jobs=int(waits), running_pages=min(self.in_work, 1))
        left = max(0, self.plan.pages_total - len(self.pages))
        running = min(left, self.in_work * self.plan.unit_pages)
        return replace(line, waiting_pages=0 if self.cancel_requested else left - running, running_pages=running)

    def record(self) -> JobRecord:
        request = self.new.request
        job = Job(
            id=self.new.id,
            status=self.state,
            filename=self.new.source.filename,
            owner=self.new.owner,
            priority=request.priority,
            created_at=utc(self.created),
            started_at=utc(self.started) if self.started else None,
            finished_at=utc(self.finished) if self.finished else None,
            progress=Progress(
                pages_total=self.plan.pages_total if self.plan else None,
                pages_done=sum(error is None for error in self.pages.values()),
                pages_failed=sum(error is not None for error in self.pages.values()),
            ),
            device=self.device,
            attempts=self.attempts,
            error=self.error,
            outputs=self.outputs,
            links=links_of(self.new.id),
            metadata=request.metadata,
            tag=request.tag,
            idempotency_key=self.new.idempotency_key,
        )
        return JobRecord(
            job=job,
            request=request,
            source=self.new.source,
            ttl_s=self.new.ttl_s,
            retention_s=self.new.retention_s,
            owner=self.new.owner,
            run=self.run,
            remote=self.new.remote,
            batch=self.new.batch,
        )


@dataclass(slots=True, kw_only=True)
class Row:
    """One webhook delivery."""

    job_id: str
    type: str
    url: str
    created: float
    due: float
    state: DeliveryState = DeliveryState.PENDING
    attempts: int = 0
    claims: int = 0
    claimed_until: float = 0.0
    body: str = ""
    log: tuple[AttemptRecord, ...] = ()


class State:
    """Everything, under one lock. `now` is a clock in seconds since the epoch."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self.lock = threading.RLock()
        self.now = now
        self.jobs: dict[str, Entry] = {}
        self.idempotency: dict[tuple[str, str], tuple[str, str]] = {}
        self.uploads: dict[tuple[str, str], str] = {}
        self.reuse: dict[str, str] = {}
        # (queue, priority) -> owner -> job -> when it took its place in the line
        self.ready: dict[tuple[str, str], dict[str, dict[str, int]]] = {}
        self.served: dict[str, int] = {}
        # (queue, priority, owner) -> the owner's place in that line: when it was served last
        self.places: dict[tuple[str, str, str], int] = {}
        self.ticks = itertools.count(1)
        self.tokens = itertools.count(1)
        self.turns = itertools.count(1)
        self.dead: dict[str, float] = {}
        self.swept: set[str] = set()
        self.forgotten: set[str] = set()
        self.rows: dict[str, Row] = {}
        self.gone: dict[str, float] = {}
        self.leaders: dict[str, tuple[str, float]] = {}
        self.arrived: dict[str, float] = {}  # job -> when it took its place in the line
        self.counts: Counter[str] = Counter()
        self.slots: dict[int, Counter[str]] = {}  # start, seconds since the epoch -> what happened in it
        # id -> report, when it came, until when it counts
        self.workers: dict[str, tuple[WorkerReport, float, float]] = {}
        self.draining: dict[str, float] = {}
        # (position, job, owner), positions ascending
        self.changes: deque[tuple[int, str, str]] = deque(maxlen=CHANGES_KEPT)
        self.positions = itertools.count(1)
        # kind -> how many it should have, until when that counts
        self.scale: dict[str, tuple[ScaleDecision, float]] = {}

    def entry(self, job_id: str) -> Entry:
        """Raises: NotFound."""
        if job_id not in self.jobs:
            raise NotFound(f"there is no job {job_id}; its record may have passed its retention time")
        return self.jobs[job_id]

    def in_flight(self, owner: str) -> int:
        """Pages of the owner's unfinished jobs; one that nobody has opened counts as one."""
        open_ = (one for one in self.jobs.values() if one.new.owner == owner and not one.state.is_terminal)
        return sum(one.plan.pages_total if one.plan else 1 for one in open_)

    def held(self, lease: Lease) -> tuple[Entry, Unit] | None:
        """The job and unit of a lease that still counts."""
        entry = self.jobs.get(lease.job_id)
        unit = entry.units.get(lease.unit) if entry and entry.state is JobState.RUNNING else None
        return (entry, unit) if entry and unit and unit.token == lease.token else None

    def emit(self, entry: Entry, kind: str, data: Mapping[str, object]) -> None:
        entry.events.append(Event(id=f"{int(self.now() * 1000)}-{next(self.ticks)}", type=kind, data=data))
        self.changed(entry)

    def changed(self, entry: Entry) -> None:
        """Tell those who watch that the job looks different now, or is gone."""
        self.changes.append((next(self.positions), entry.new.id, entry.new.owner))

    def unready(self, entry: Entry) -> None:
        line = self._line(entry)
        line.get(entry.new.owner, {}).pop(entry.new.id, None)
        if not line.get(entry.new.owner):
            line.pop(entry.new.owner, None)
            self.places.pop(self.place(entry), None)

    def offer(self, entry: Entry) -> str | None:
        """Offer the job's waiting units at the end of its owner's line; the queue to ring."""
        waiting = entry.redo or entry.next_unit < entry.units_total
        if entry.cancel_requested or not waiting or entry.in_work >= WINDOW:
            return None
        self._line(entry).setdefault(entry.new.owner, {})[entry.new.id] = next(self.ticks)
        self.arrived[entry.new.id] = self.now()
        self.places.setdefault(self.place(entry), self.served.get(entry.new.owner, 0))
        return entry.queue

    def finish(
        self,
        entry: Entry,
        state: JobState,
        error: JobError | None,
        outputs: Mapping[str, str] | None = None,
        *,
        is_dead: bool = False,
    ) -> None:
        """The only way a job ends."""
        self.unready(entry)
        entry.units.clear()
        entry.crashes.clear()
        entry.redo.clear()
        entry.state, entry.error, entry.outputs = state, error, outputs or {}
        entry.finished, entry.cancel_requested = self.now(), False
        entry.keep_until = self.now() + entry.new.retention_s
        if is_dead:
            self.dead[entry.new.id] = self.now()
        self.counts[f"jobs|{state}"] += 1
        if error:
            self.counts[f"job_failures|{error.code}"] += 1
        kind = f"job.{state}"
        self.emit(entry, kind, error.model_dump() if error else {})
        if entry.new.reuse_key and state is JobState.SUCCEEDED:
            self.reuse[entry.new.reuse_key] = entry.new.id
        self.owe_webhook(entry, kind)

    def owe_webhook(self, entry: Entry, kind: str) -> None:
        """The outbox row of the end of the job's run, if its caller wants to be told of such ends."""
        webhook = entry.new.request.webhook
        if webhook and kind in webhook.events:
            row = Row(job_id=entry.new.id, type=kind, url=str(webhook.url), created=self.now(), due=self.now())
            self.rows[event_id(entry.new.id, entry.run)] = row

    def leave(self, entry: Entry) -> None:
        """A unit was taken out of work; the last to leave a cancelled job ends it."""
        if entry.cancel_requested and not entry.in_work:
            self.finish(entry, JobState.CANCELLED, CANCELLED)

    def put_back(self, entry: Entry, number: int, *, delay_s: float) -> str | None:
        """Put a unit back to be done again; the queue to ring."""
        entry.units[number] = replace(entry.units[number], token=None, page=0, at=self.now() + delay_s)
        self.leave(entry)
        if entry.state.is_terminal or delay_s > 0:
            return None
        return self.redo(entry, number)

    def redo(self, entry: Entry, number: int) -> str | None:
        entry.units[number].at = float("inf")
        entry.redo.append(number)
        return self.offer(entry)

    def count_crash(self, entry: Entry, page: int, error: JobError) -> None:
        self.counts[f"crashes|{error.code}"] += 1
        known = entry.crashes.get(page, Crash(times=0, code="", message=""))
        entry.crashes[page] = replace(known, times=known.times + 1, code=error.code, message=error.message)

    def count_now(self, name: str, by: int) -> None:
        """Count in the slot that it is."""
        self.slots.setdefault(int(self.now() // SLOT_S * SLOT_S), Counter())[name] += by

    def place(self, entry: Entry) -> tuple[str, str, str]:
        return entry.queue, entry.new.request.priority, entry.new.owner

    def _line(self, entry: Entry) -> dict[str, dict[str, int]]:
        return self.ready.setdefault((entry.queue, entry.new.request.priority), {})


def utc(seconds: float) -> datetime:
    """Seconds since the epoch, to the millisecond, as Redis keeps them."""
    return utc_from_ms(int(seconds * 1000))
