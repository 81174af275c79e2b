"""Accepting a document: bytes to the store, a record in Redis, a ring for the workers, in that order."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import BinaryIO

import uuid_utils

from producer.contract import names
from producer.contract.errors import IdempotencyMismatch, InvalidRequest, QueueFull, RateLimited, Refused, Unavailable
from producer.contract.jobs import Job, JobRecord, JobRequest, JobState, SourceInfo, links_of
from producer.contract.keys import Tenant
from producer.contract.leases import NewJob, Submitted
from producer.contract.manifest import Manifest
from producer.contract.models import ModelChoice
from producer.contract.ports import Doorbell, Jobs, ObjectStore
from producer.contract.sources import Remote, UploadSource
from producer.remote import RemoteRules, check_remote, check_upload, source_before
from producer.requests import check_idempotency_key
from producer.ringing import ring_or_leave
from producer.source import inspect_source

# What a submission that Redis did not answer is told, by whether it has an idempotency key.
_PERHAPS = {
    True: "the document may have been accepted, and repeating it with the same idempotency key is safe",
    False: "the document may have been accepted, look for it before it is sent again; with an idempotency key, "
    "repeating it is safe",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class ProducerLimits:
    """Bounds on what is accepted and how long it is kept."""

    max_file_bytes: int
    max_open_jobs: int
    job_ttl_s: int
    result_ttl_s: int
    webhooks_signed: bool  # a secret is set; without one webhooks are refused
    upload_ttl_s: int = 3600
    remote: RemoteRules = field(default_factory=RemoteRules)
    refuses_unserved: bool = False  # a job for a device that no worker serves is refused, instead of waiting for one


@dataclass(frozen=True, kw_only=True, slots=True)
class Submission:
    """What is asked of a document, by whom, and under which names."""

    request: JobRequest
    tenant: Tenant
    idempotency_key: str | None = None
    batch: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Intake:
    """Accepts documents. Safe to share between threads."""

    jobs: Jobs
    objects: ObjectStore
    doorbell: Doorbell
    limits: ProducerLimits

    def accept(self, stream: BinaryIO, submission: Submission, *, filename: str | None) -> Submitted:
        """Make a job of a seekable stream; the caller rings.

        The document and the manifest go to the store first, then one script creates the record, only then workers are
        told. A crash in between leaves either unreferenced bytes or a job that the reconciler rings for.
        Raises: InvalidRequest, TooLarge, UnsupportedMedia, SourceForbidden, IdempotencyMismatch, RateLimited,
        Unavailable.
        """
        self._check(submission)
        source = inspect_source(stream, filename=filename, max_bytes=self.limits.max_file_bytes)
        new = self._new_job(submission, source, None)
        self.objects.put(names.input_key(new.id, source.filename), stream, media_type=source.media_type)
        return self._create(new)

    def accept_remote(self, remote: Remote, submission: Submission) -> Submitted:
        """Make a job of a document that an io worker will fetch; the caller rings.

        Raises: the errors of `accept`.
        """
        self._check(submission)
        if submission.request.reuse:
            raise InvalidRequest(
                "reuse: only a document that is sent can be compared; leave it out, or send the document"
            )
        check_remote(remote, self.limits.remote)
        new = self._new_job(submission, source_before(remote), remote)
        if isinstance(remote, UploadSource):
            # A job takes its upload away: a submission that is repeated must be told its job, not that there is none.
            if repeated := self.jobs.repeated(new):
                return repeated
            owner, max_bytes = submission.tenant.owner, self.limits.max_file_bytes
            check_upload(remote, self.objects, owner=owner, max_bytes=max_bytes)
        return self._create(new)

    def ring(self, queue: str | None) -> None:
        """Tell the workers; if that fails the reconciler will."""
        ring_or_leave(self.doorbell, queue)

    def _check(self, submission: Submission) -> None:
        key = submission.idempotency_key
        if not names.OWNER.fullmatch(submission.tenant.owner):
            raise InvalidRequest("an owner has at most 64 letters, digits, or . - _")
        if key is not None:
            check_idempotency_key(key)
        if webhook := submission.request.webhook:
            if not self.limits.webhooks_signed:
                raise InvalidRequest("webhooks are signed: set OCRFLEET_WEBHOOK_SECRET on the service to use them")
            self.limits.remote.check_webhook(webhook)

    def _new_job(self, submission: Submission, source: SourceInfo, remote: Remote | None) -> NewJob:
        request, owner = submission.request, submission.tenant.owner
        return NewJob(
            id=uuid_utils.uuid7().hex,
            request=request,
            source=source,
            ttl_s=request.ttl_s or self.limits.job_ttl_s,
            retention_s=self.limits.result_ttl_s,
            max_open=self.limits.max_open_jobs,
            max_pages=submission.tenant.pages_in_flight,
            owner=owner,
            remote=remote,
            batch=submission.batch,
            idempotency_key=submission.idempotency_key,
            fingerprint=(
                fingerprint(request, source, remote, batch=submission.batch) if submission.idempotency_key else ""
            ),
            reuse_key=reuse_key(request, source, owner) if request.reuse else "",
        )

    def _create(self, new: NewJob) -> Submitted:
        """Write the manifest and create the record; the bytes of a submission that surely made no job are taken back.

        When Redis does not answer it may still have created the job: then the bytes stay.
        """
        put_manifest(self.objects, _waiting(new))
        try:
            submitted = self.jobs.submit(new)
        except (IdempotencyMismatch, InvalidRequest, QueueFull, RateLimited, Refused):
            self.objects.delete(names.job_prefix(new.id))
            raise
        except Unavailable as error:
            raise Unavailable(f"{error.message}; {_PERHAPS[bool(new.idempotency_key)]}") from error
        if submitted.job_id != new.id:
            self.objects.delete(names.job_prefix(new.id))
        return submitted


def put_manifest(objects: ObjectStore, record: JobRecord) -> None:
    """Write a job's record beside its objects. Safe to repeat."""
    # Whole: the kind of a source is a default of it, and without its kind no source can be read.
    body = Manifest(written_at=datetime.now(tz=UTC), record=record).model_dump_json().encode()
    objects.put(names.manifest_key(record.job.id), body, media_type="application/json")


def fingerprint(request: JobRequest, source: SourceInfo, remote: Remote | None, *, batch: str | None) -> str:
    """What an idempotency key stands for: the same document, or the same place of it, and the same request.

    In a batch, also the same other documents, which its id depends on.
    """
    document = (source.sha256,) if remote is None else ("", remote.model_dump_json())
    text = request.model_dump_json(exclude=_unchosen(request))
    return _digest(*document, text, *((batch,) if batch else ()))


def reuse_key(request: JobRequest, source: SourceInfo, owner: str) -> str:
    """The same for jobs of one owner whose results say the same."""
    about = {"options", "pages", "outputs", "device"}
    return _digest(source.sha256, owner, request.model_dump_json(include=about, exclude=_unchosen(request)))


def _unchosen(request: JobRequest) -> dict[str, set[str]]:
    """The choices of models that a request leaves out, as those did that were made before there were any."""
    return {"options": {name for name in ModelChoice.model_fields if getattr(request.options, name) is None}}


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
        remote=new.remote,
        batch=new.batch,
    )


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
