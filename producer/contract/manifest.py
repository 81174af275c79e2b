"""The manifest: a job's record beside its objects, from which `ocrfleet recover` rebuilds what Redis lost."""

from __future__ import annotations

from producer.contract.jobs import JobRecord, Strict

MANIFEST_VERSION = "1.0"


class Manifest(Strict):
    """Written when the job is accepted, when it is run again, and when it has ended."""

    manifest_version: str = MANIFEST_VERSION
    record: JobRecord
    ttl_s: int
    retention_s: int
