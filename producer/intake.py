"""Accepting a document: bytes to the store, a record in Redis, a ring for the workers, in that order."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import BinaryIO

import structlog
import uuid_utils

from producer.contract import names
from producer.contract.errors import IdempotencyMismatch, InvalidRequest, QueueFull, RateLimited, Refused, Unavailable
from producer.contract.jobs import Job, JobRecord, JobRequest, JobState, SourceInfo, links_of
from producer.contract.keys import Tenant
from producer.contract.leases import NewJob, Submitted
from producer.contract.manifest import Manifest
from producer.contract.ports import Doorbell, Jobs, ObjectStore
from producer.source import inspect_source

_IDEMPOTENCY_KEY = re.compile(r"[\w.:\-]{1,128}", re.ASCII)
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class ProducerLimits:
    """Bounds on what is accepted and how long it is kept."""

    max_file_bytes: int
    max_open_jobs: int
    job_ttl_s: int
    result_ttl_s: int
    webhooks_signed: bool  # a secret is set; without one webhooks are refused


@dataclass(frozen=True, kw_only=True, slots=True)
class Intake:
    """Accepts documents. Safe to share between threads."""

    jobs: Jobs
    objects: ObjectStore
    doorbell: Doorbell
    limits: ProducerLimits

    def accept(
        self,
        stream: BinaryIO,
        request: JobRequest,
        *,
        filename: str | None,
        idempotency_key: str | None,
        tenant: Tenant,
    ) -> Submitted:
        """Make a job of a seekable stream.

        The document and the manifest go to the store first, then one script creates the record, only then workers are
        told. A crash in between leaves either unreferenced bytes or a job that the reconciler rings for.
        Raises: InvalidRequest, TooLarge, UnsupportedMedia, IdempotencyMismatch, RateLimited, Unavailable.
        """
        self._check(request, idempotency_key, tenant.owner)
        source = inspect_source(stream, filename=filename, max_bytes=self.limits.max_file_bytes)
        new = self._new_job(request, source, idempotency_key, tenant)
        self.objects.put(names.input_key(new.id, source.filename), stream, media_type=source.media_type)
        put_manifest(self.objects, _waiting(new))
        submitted = self._create(new)
        self.ring(submitted.ring)
        return submitted

    def ring(self, queue: str | None) -> None:
        """Tell the workers; if that fails the reconciler will."""
        if queue is None:
            return
        try:
            self.doorbell.ring(queue)
        except Unavailable as error:
            _log.warning("ring_postponed", queue=queue, reason=error.message)

    def _check(self, request: JobRequest, idempotency_key: str | None, owner: str) -> None:
        if not names.OWNER.fullmatch(owner):
            raise InvalidRequest("an owner has at most 64 letters, digits, or . - _")
        if idempotency_key is not None and not _IDEMPOTENCY_KEY.fullmatch(idempotency_key):
            raise InvalidRequest("an idempotency key has 1 to 128 letters, digits, or . : - _")
        if request.webhook and not self.limits.webhooks_signed:
            raise InvalidRequest("webhooks are signed: set OCRFLEET_WEBHOOK_SECRET on the service to use them")

    def _new_job(self, request: JobRequest, source: SourceInfo, idempotency_key: str | None, tenant: Tenant) -> NewJob:
        return NewJob(
            id=uuid_utils.uuid7().hex,
            request=request,
            source=source,
            ttl_s=request.ttl_s or self.limits.job_ttl_s,
            retention_s=self.limits.result_ttl_s,
            max_open=self.limits.max_open_jobs,
            max_pages=tenant.pages_in_flight,
            owner=tenant.owner,
            idempotency_key=idempotency_key,
            fingerprint=fingerprint(request, source) if idempotency_key else "",
            reuse_key=reuse_key(request, source, tenant.owner) if request.reuse else "",
        )

    def _create(self, new: NewJob) -> Submitted:
        """Create the record; the bytes of a submission that surely made no job are taken back.

        When Redis does not answer it may still have created the job: then the bytes stay.
        """
        try:
            submitted = self.jobs.submit(new)
        except (IdempotencyMismatch, QueueFull, RateLimited, Refused):
            self.objects.delete(names.job_prefix(new.id))
            raise
        if submitted.job_id != new.id:
            self.objects.delete(names.job_prefix(new.id))
        return submitted


def put_manifest(objects: ObjectStore, record: JobRecord) -> None:
    """Write a job's record beside its objects. Safe to repeat."""
    manifest = Manifest(written_at=datetime.now(tz=UTC), record=record)
    body = manifest.model_dump_json(exclude_defaults=True).encode()
    objects.put(names.manifest_key(record.job.id), body, media_type="application/json")


def fingerprint(request: JobRequest, source: SourceInfo) -> str:
    """What an idempotency key stands for: the same document and the same request."""
    return _digest(source, request.model_dump_json())


def reuse_key(request: JobRequest, source: SourceInfo, owner: str) -> str:
    """The same for jobs of one owner whose results say the same."""
    return _digest(source, owner, request.model_dump_json(include={"options", "pages", "outputs", "device"}))


def _waiting(new: NewJob) -> JobRecord:
    """The record that is about to be created."""
    job = Job(
        id=new.id,
        status=JobState.QUEUED,
        created_at=datetime.now(tz=UTC),
        links=links_of(new.id),
        metadata=new.request.metadata,
        tag=new.request.tag,
        idempotency_key=new.idempotency_key,
    )
    return JobRecord(
        job=job,
        request=new.request,
        source=new.source,
        ttl_s=new.ttl_s,
        retention_s=new.retention_s,
        owner=new.owner,
    )


def _digest(source: SourceInfo, *parts: str) -> str:
    return hashlib.sha256("\n".join((source.sha256, *parts)).encode()).hexdigest()
