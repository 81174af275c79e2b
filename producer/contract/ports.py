"""What the job side needs from the outside world, as protocols: the job store in its roles, and the object store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import BinaryIO, Protocol

from producer.contract.changes import Changes
from producer.contract.fleet import FleetWorker, Load, ScaleDecision, WorkerReport
from producer.contract.jobs import Event, JobError, JobRecord, JobState, SourceInfo
from producer.contract.keys import KeyRow
from producer.contract.leases import Claim, Lease, LeaseAnswer, LostJob, NewJob, Plan, Submitted, Worker
from producer.contract.listing import JobFilter, JobsPage
from producer.contract.measures import WebhookBacklog
from producer.contract.webhooks import Delivery, DeliveryRecord, DueDelivery, Outcome


class Jobs(Protocol):
    """The job store for callers. Every change is one atomic step, safe to repeat.

    Every method raises `Unavailable` (retryable) while the store does not answer or cannot write.
    """

    def submit(self, job: NewJob) -> Submitted:
        """Create the job, or find the one that answers it; the same id again is the same job.

        Raises: IdempotencyMismatch, QueueFull, RateLimited: the owner has too many pages in flight; InvalidRequest: its
        upload is the document of another job, which has not ended.
        """

    def repeated(self, job: NewJob) -> Submitted | None:
        """The job that was made under this idempotency key; None: there is none. Raises: IdempotencyMismatch."""

    def get(self, job_id: str) -> JobRecord:
        """Raises: NotFound."""

    def cancel(self, job_id: str) -> None:
        """Stop a waiting job at once, a running one at its next page. Raises: NotFound."""

    def retry(self, job_id: str) -> str | None:
        """Run an ended job again where it has no result; the queue to ring.

        Raises: NotFound; InvalidRequest: it runs, or has succeeded; Expired: its document is no longer kept.
        """

    def forget(self, job_id: str) -> None:
        """Delete the record; leases on it become stale. Raises: NotFound."""

    def was_forgotten(self, job_id: str) -> bool:
        """Whether the record was deleted with `forget` within the last day. A record that was lost was not."""

    def events(self, job_id: str, *, after: str = "0") -> list[Event]:
        """At most 500 events after the one with id `after`, oldest first."""

    def changes(self, *, after: str | None, owner: str | None = None) -> Changes:
        """Jobs that have changed since the position `after`, at most 1,000 changes at once; None: from now on.

        owner: only this owner's jobs; None: everybody's. The last 10,000 changes or so are kept, for an hour.
        """

    def pages(self, job_id: str) -> dict[int, JobError | None]:
        """The pages counted so far, by number; the error of a failed one."""

    def page_of(self, wanted: JobFilter, *, after: str | None, limit: int) -> JobsPage:
        """At most `limit` jobs that are kept, newest first, older than the one with id `after`.

        Takes time by the page, not by the number of jobs. A page may be short of `limit` before the last.
        """

    def batch(self, owner: str, batch_id: str) -> dict[JobState, int]:
        """How many jobs of a batch that are kept are in which state."""

    def dead(self, *, limit: int, owner: str | None = None) -> list[str]:
        """Jobs that gave up on a document or a page that may be tried again, newest first; None: of every owner."""


class Leases(Protocol):
    """The job store for workers: units are claimed, kept, and given back, done or ended. A stale lease changes nothing.

    Every method raises `Unavailable` (retryable) while the store does not answer or cannot write.
    """

    def claim(self, worker: Worker, *, lease_s: float) -> Claim | None:
        """Take the unit whose turn it is; None: there is no work."""

    def heartbeat(self, lease: Lease, *, lease_s: float) -> LeaseAnswer:
        """Keep the unit for `lease_s` from now."""

    def plan(self, lease: Lease, plan: Plan) -> LeaseAnswer:
        """Say how the document is divided; the first plan of a run counts."""

    def fetched(self, lease: Lease, source: SourceInfo, *, queue: str) -> LeaseAnswer:
        """The document is stored; the unit is given back, to be offered in `queue`."""

    def pages(self, job_id: str) -> dict[int, JobError | None]:
        """The pages counted so far, by number; the error of a failed one."""

    def begin(self, lease: Lease, page: int) -> LeaseAnswer:
        """Remember that this page is being read, should the process die of it."""

    def page(self, lease: Lease, page: int, *, error: JobError | None = None) -> LeaseAnswer:
        """Count a page whose objects are stored. A page is counted once."""

    def complete(self, lease: Lease, *, lease_s: float) -> LeaseAnswer:
        """Every page of the unit is counted. LAST: this lease is now the right to finish the job."""

    def release(self, lease: Lease, *, delay_s: float) -> LeaseAnswer:
        """Give the unit back, to be taken again after `delay_s`; no fault is counted."""

    def crash(self, lease: Lease, page: int, error: JobError, *, delay_s: float = 0) -> LeaseAnswer:
        """Give the unit back after a failure that may have harmed the process; counts against the page; 0: the unit."""

    def drop(self, lease: Lease) -> LeaseAnswer:
        """Stop working on a unit of a cancelled job; the last to stop ends the job."""

    def finish(
        self, lease: Lease, state: JobState, *, error: JobError | None, outputs: Mapping[str, str], is_dead: bool
    ) -> LeaseAnswer:
        """Terminal state, event and webhook outbox row at once. `is_dead`: also a dead letter."""


class Upkeep(Protocol):
    """The job store for the reconciler. Any number may run at once; two do no harm."""

    def due(self, *, limit: int) -> list[str]:
        """What must be looked at: expired jobs, units whose lease or delay is over."""

    def revisit(self, due: str) -> str | None:
        """Decide about one thing that is due; a queue to ring."""

    def backlog(self) -> list[str]:
        """The queues that have work ready."""

    def outdated(self, *, limit: int) -> list[str]:
        """Jobs whose results have passed their retention time."""

    def mark_swept(self, job_id: str) -> None:
        """The objects of an outdated job are deleted."""

    def restore(self, lost: LostJob) -> Submitted:
        """Put back the record of a job: an ended one as it was, with its webhook to be told; another one to be run.

        Its idempotency key leads to it unless it leads to another job that has ended, or is newer; one that has ended
        goes before one that has not.
        EXISTING: nothing was done, because the job is there, or was deleted meanwhile; or, with the id of another job,
        because it had not ended, and its idempotency key leads to that one, which is newer and has ended.
        """

    def lead(self, role: str, holder: str, *, lease_s: float) -> bool:
        """Become or stay the leader of `role` for `lease_s`."""


class Outbox(Protocol):
    """Webhook deliveries. A delivery is known by its event id, the same on every attempt."""

    def due(self, *, limit: int, after: int = 0) -> list[DueDelivery]:
        """Deliveries that are due and that nobody has, the latest first, behind the first `after` that are due.

        Changes nothing: who looks again sees them again until they are claimed. Fewer than `limit`: those are all.
        """

    def claim(self, event_id: str, *, lease_s: float) -> Delivery | None:
        """Take a due delivery for `lease_s`; None if it is done, disabled, or another process has it.

        It stays as late as it is: only `settle` makes it due at another time.
        """

    def settle(self, delivery: Delivery, outcome: Outcome) -> None:
        """Record what came of an attempt. Where another one was begun meanwhile, this changes nothing."""

    def backlog(self) -> WebhookBacklog:
        """How many are not done, and how late they are."""

    def redeliver(self, event_id: str) -> None:
        """Deliver again from the first attempt on. Raises: NotFound, InvalidRequest."""

    def deliveries(self, job_id: str) -> list[DeliveryRecord]:
        """The deliveries of a job, oldest first, with what came of them."""


class Keys(Protocol):
    """API keys, and how often each is used. A change counts at once, everywhere.

    Every method raises `Unavailable` (retryable) while the store does not answer or cannot write.
    """

    def add(self, row: KeyRow) -> None:
        """Keep a key."""

    def find(self, key_id: str) -> KeyRow | None:
        """None: there is no such key."""

    def rows(self) -> list[KeyRow]:
        """Every key, oldest first."""

    def remove(self, key_id: str) -> bool:
        """Whether it was there."""

    def admit(self, key_id: str, *, per_minute: int) -> float:
        """Count one request; 0, or the seconds to wait because there were too many: then it is not counted.

        Requests may come in bursts of a tenth of a minute's number (GCRA).
        """


class Fleet(Protocol):
    """What workers tell of themselves, and how much work there is for them.

    Every method raises `Unavailable` (retryable) while the store does not answer or cannot write.
    """

    def beat(self, report: WorkerReport, *, ttl_s: float, counted: Mapping[str, int] = MappingProxyType({})) -> bool:
        """Be among the workers for `ttl_s` from now. False: its node is asked to drain.

        counted: what has happened since the last beat, added to `counts`.
        """

    def leave(self, worker_id: str) -> None:
        """Be no more among them. Safe to repeat."""

    def drain(self, node: str, *, ttl_s: float) -> None:
        """Ask a node to end what it reads and take no more."""

    def workers(self) -> list[FleetWorker]:
        """Those that were heard of, by id."""

    def load(self) -> Load:
        """The work there is, and what came of it in the last hour."""

    def decide(self, decision: ScaleDecision, *, ttl_s: float) -> None:
        """Tell how many workers a kind should have; after `ttl_s` nobody has said so."""

    def decisions(self) -> list[ScaleDecision]:
        """Those that count, by kind."""

    def counts(self) -> dict[str, int]:
        """What has happened since counting began, by name and labels joined with `|`: `pages|cpu|succeeded`."""


class Doorbell(Protocol):
    """Tells workers that there is work. A hint: rings may be lost or come too often."""

    def ring(self, queue: str) -> None:
        """Wake one worker that serves `queue`, unless a ring already waits. Raises: Unavailable."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ObjectInfo:
    """What a store knows of one object."""

    key: str
    size_bytes: int


class ObjectStore(Protocol):
    """Documents in, results out. Keys are relative, `/`-separated, made by `names.py` and never by a user.

    Every method raises `Unavailable` (retryable) when the store does not answer or refuses for a while.
    Safe to share between threads. Writing the same key twice replaces the object; readers see the old or
    the new bytes, never a mixture.
    """

    def put(self, key: str, body: bytes | BinaryIO, *, media_type: str) -> None:
        """Write one object, whole or not at all. A stream is read to its end and not held in memory."""

    def get(self, key: str) -> bytes:
        """The bytes of one object. Raises: NotFound."""

    def open(self, key: str) -> BinaryIO:
        """A stream over one object, to be closed by the caller. Raises: NotFound."""

    def head(self, key: str) -> ObjectInfo:
        """Size of one object. Raises: NotFound."""

    def keys(self, prefix: str) -> Iterator[str]:
        """Every key that begins with `prefix`, sorted."""

    def delete(self, prefix: str) -> int:
        """Delete every object whose key begins with `prefix`; how many there were. Safe to repeat."""

    def presign_put(self, key: str, *, expires_s: int) -> str | None:
        """An address to which anyone may write the object for `expires_s` seconds; None for a local store."""

    def presign(self, key: str, *, expires_s: int) -> str | None:
        """An address from which anyone may read the object for `expires_s` seconds; None for a local store."""

    def ping(self) -> None:
        """Answer if the store can be reached."""


class Queue(Doorbell, Protocol):
    """The broker as producers and the reconciler use it."""

    def close(self) -> None:
        """Give its connections back."""


class JobStore(Protocol):
    """The job store in its roles. Safe to share between threads."""

    @property
    def jobs(self) -> Jobs: ...
    @property
    def leases(self) -> Leases: ...
    @property
    def upkeep(self) -> Upkeep: ...
    @property
    def outbox(self) -> Outbox: ...
    @property
    def keys(self) -> Keys: ...
    @property
    def fleet(self) -> Fleet: ...

    def ping(self) -> None:
        """Answer if the store can be reached and takes writes. Raises: Unavailable."""

    def close(self) -> None:
        """Give its connections back."""
