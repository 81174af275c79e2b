"""Which jobs have changed: what a live view of many jobs follows."""

from __future__ import annotations

from dataclasses import dataclass

from producer.contract.jobs import JobRecord


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """A job that has changed, as it is now. `record` is None once it is deleted."""

    job_id: str
    record: JobRecord | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Changes:
    """What has changed up to `position`, from where to go on; each job once, in the order of their last changes."""

    position: str
    jobs: tuple[Change, ...] = ()
