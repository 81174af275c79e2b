"""What the job store takes and gives: new jobs, leases, and answers to a worker."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from producer.contract.jobs import JobRequest, SourceInfo


@dataclass(frozen=True, kw_only=True, slots=True)
class Lease:
    """The right to work on a job: `token` is refused everywhere once another worker has claimed it."""

    job_id: str
    token: str


class ClaimAnswer(StrEnum):
    """What came of a claim."""

    CLAIMED = "claimed"
    BUSY = "busy"  # another worker holds the lease
    FINISHED = "finished"
    MISSING = "missing"
    CANCELLED = "cancelled"  # ended by this claim
    EXHAUSTED = "exhausted"  # ended by this claim: too many attempts


class LeaseState(StrEnum):
    """Whether a lease still counts."""

    HELD = "held"
    CANCELLED = "cancelled"  # held, but the caller wants the job stopped
    STALE = "stale"  # somebody else has it; stop, and change nothing


@dataclass(frozen=True, kw_only=True, slots=True)
class NewJob:
    """A job about to be created; its document is already in the object store."""

    id: str
    request: JobRequest
    source: SourceInfo
    ttl_s: int
    retention_s: int
    idempotency_key: str | None = None
    fingerprint: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class DueJob:
    """An open job that should be published again."""

    id: str
    device: str
    priority: str
