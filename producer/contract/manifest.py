"""The manifest: a job's record beside its objects, from which `ocrfleet recover` rebuilds what Redis lost."""

from __future__ import annotations

from datetime import datetime, timedelta

from producer.contract.jobs import JobRecord
from producer.contract.strict import Strict

MANIFEST_VERSION = "1.0"


class Manifest(Strict):
    """Written when the job is accepted, when its document was fetched, when it is run again, and when it has ended."""

    manifest_version: str = MANIFEST_VERSION
    written_at: datetime
    record: JobRecord

    @property
    def expires_at(self) -> datetime:
        """When an unfinished job that nobody has worked on has waited too long."""
        return self.written_at + timedelta(seconds=self.record.ttl_s)

    @property
    def keep_until(self) -> datetime:
        """When the job's objects may be deleted, as far as the manifest knows: work on it since makes that later."""
        job = self.record.job
        ended_at = job.finished_at if job.status.is_terminal and job.finished_at else self.expires_at
        return ended_at + timedelta(seconds=self.record.retention_s)
