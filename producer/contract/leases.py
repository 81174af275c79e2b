"""What the job store takes and gives: new jobs, units of work, leases, and answers to a worker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from producer.contract.errors import InvalidRequest, RateLimited
from producer.contract.jobs import JobError, JobRecord, JobRequest, JobState, SourceInfo
from producer.contract.names import QUEUE_FETCH, queue_of
from producer.contract.sources import Remote, UploadSource

_PAGES_LAND_S = 10  # a few pages on one processor


@dataclass(frozen=True, kw_only=True, slots=True)
class Worker:
    """Who asks for work: `queues` it serves, the process that holds its leases, and the device it is pinned to."""

    queues: tuple[str, ...]
    holder: str
    device: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Lease:
    """The right to work on one unit: `token` is refused everywhere once another worker has claimed the unit."""

    job_id: str
    unit: int
    token: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """How a document is divided: `page_count` pages in the file, `pages_total` asked for, `unit_pages` a unit."""

    page_count: int
    pages_total: int
    unit_pages: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Crash:
    """How often one page, or what comes before and after pages, ended a process, and how it did the last time."""

    times: int
    code: str
    message: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """A unit to work on. `plan` is None until somebody has opened the document.

    deaths: how often a process died on this unit outside of any page.
    waits: how often the unit was given back because something did not answer.
    crashes: page to its crashes, for the pages of the whole job; 0: outside of any page.
    more: the queues, of those asked for, that have further work.
    """

    lease: Lease
    record: JobRecord
    plan: Plan | None
    deaths: int
    waits: int = 0
    crashes: Mapping[int, Crash] = field(default_factory=dict)
    more: tuple[str, ...] = ()


class LeaseState(StrEnum):
    """Whether a lease still counts."""

    HELD = "held"
    LAST = "last"  # held, and every unit is done: the lease is now the right to finish the job
    CANCELLED = "cancelled"  # held, but the caller wants the job stopped
    STALE = "stale"  # somebody else has it, or the job has ended; stop, and change nothing


@dataclass(frozen=True, kw_only=True, slots=True)
class LeaseAnswer:
    """What came of a change made under a lease; `ring`: a queue that has new work."""

    state: LeaseState
    ring: str | None = None


class SubmitOutcome(StrEnum):
    """What a submission came to."""

    CREATED = "created"
    EXISTING = "existing"  # the idempotency key made this job before
    REUSED = "reused"  # a finished job of the same owner has read the same document with the same options


@dataclass(frozen=True, kw_only=True, slots=True)
class Submitted:
    """The job that answers a submission; `ring`: a queue that has new work."""

    job_id: str
    outcome: SubmitOutcome
    ring: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class NewJob:
    """A job about to be created; its document is already in the object store.

    max_open: jobs and units in work above which it is refused.
    max_pages: pages of the owner's unfinished jobs from which on it is refused; one not yet opened counts as one.
    fingerprint: what an idempotency key stands for. reuse_key: '' unless a finished result may be reused.
    """

    id: str
    request: JobRequest
    source: SourceInfo
    ttl_s: int
    retention_s: int
    max_open: int = 1_000_000
    max_pages: int | None = None
    owner: str = ""
    remote: Remote | None = None
    batch: str | None = None
    idempotency_key: str | None = None
    fingerprint: str = ""
    reuse_key: str = ""

    @property
    def queue(self) -> str:
        """Where its work is offered: to those who fetch, then to those who read."""
        return waiting_queue(self.request, self.source)

    @property
    def upload(self) -> str:
        """The id of the upload that it takes away; '': none."""
        return self.remote.upload_id if isinstance(self.remote, UploadSource) else ""


@dataclass(frozen=True, kw_only=True, slots=True)
class LostJob:
    """A job as its manifest and its stored pages tell of it, to be put back into a store that has lost it.

    pages: those that are stored; the error of a failed one. Of an unfinished job only those that have a result.
    wait_s: how long an unfinished job may still wait for a worker. keep_s: how long it is kept from now.
    fingerprint, reuse_key: as in `NewJob`; both stand for what they stood for when the job was made.
    """

    record: JobRecord
    pages: Mapping[int, JobError | None]
    wait_s: float
    keep_s: float
    fingerprint: str = ""
    reuse_key: str = ""

    @property
    def is_dead(self) -> bool:
        """Whether it gave up on something that may be tried again."""
        job = self.record.job
        errors = [*self.pages.values(), job.error]
        gave_up = job.status in (JobState.FAILED, JobState.PARTIAL)
        return gave_up and any(error is not None and error.retryable for error in errors)


def waiting_queue(request: JobRequest, source: SourceInfo) -> str:
    """Where a job with this source is offered."""
    return queue_of(request.device) if source.is_here else QUEUE_FETCH


def too_many_pages(job: NewJob) -> RateLimited:
    """The refusal of a job whose owner has as many pages in flight as it may."""
    return RateLimited(
        f"{job.max_pages} pages of this owner's jobs are waiting or running, as many as it may have; "
        "try again when some have ended",
        retry_after_s=_PAGES_LAND_S,
    )


def upload_taken(job: NewJob, by: str) -> InvalidRequest:
    """The refusal of a job whose upload is the document of another one, which has not ended."""
    return InvalidRequest(
        f"source.upload_id: upload {job.upload} is the document of job {by}, and each serves for one job; follow that "
        "one, or send the document again",
        details={"job_id": by},
    )


def pages_of_unit(selected: Sequence[int], unit: int, plan: Plan) -> tuple[int, ...]:
    """The pages of one unit out of those that were asked for, both in order."""
    return tuple(selected[unit * plan.unit_pages : (unit + 1) * plan.unit_pages])
