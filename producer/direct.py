"""The producer's use cases: submit a document, follow its job, fetch its results."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import structlog
import uuid_utils

from producer.backends.celery_queue import CeleryQueue
from producer.backends.redis_jobs import RedisJobStore
from producer.contract import names
from producer.contract.errors import (
    IdempotencyMismatch,
    InvalidRequest,
    JobFailed,
    NotFinished,
    NotFound,
    Unavailable,
    WaitTimeout,
)
from producer.contract.jobs import Event, Job, JobRecord, JobRequest, JobState, SourceInfo
from producer.contract.leases import NewJob
from producer.contract.ports import ObjectStore
from producer.requests import parse_request
from producer.source import inspect_source, opened_source

_IDEMPOTENCY_KEY = re.compile(r"[\w.:\-]{1,128}", re.ASCII)
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class ProducerLimits:
    """Bounds on what is accepted and how long it is kept."""

    max_file_bytes: int
    job_ttl_s: int
    result_ttl_s: int
    webhooks_signed: bool  # a secret is set; without one webhooks are refused


class Producer:
    """Submit and follow jobs. Safe to share between threads.

    Every method raises `Unavailable` (retryable) while Redis or the object store does not answer.
    """

    def __init__(self, jobs: RedisJobStore, objects: ObjectStore, queue: CeleryQueue, limits: ProducerLimits) -> None:
        self._jobs = jobs
        self._objects = objects
        self._queue = queue
        self._limits = limits

    def close(self) -> None:
        self._queue.close()
        self._jobs.close()

    def ping(self) -> None:
        """Raises: Unavailable unless Redis and the store both answer."""
        self._jobs.ping()
        self._objects.ping()

    def submit(
        self,
        source: str | Path | bytes | BinaryIO,
        request: JobRequest | None = None,
        *,
        filename: str | None = None,
        idempotency_key: str | None = None,
        **fields: object,
    ) -> Job:
        """Accept one document: a path, its bytes, or a seekable stream. `request`, or its fields by name.

        Raises: InvalidRequest, TooLarge, UnsupportedMedia, IdempotencyMismatch.
        """
        parsed = request or parse_request(fields)
        if isinstance(source, str | Path):
            filename = filename or Path(source).name
        with opened_source(source) as stream:
            return self.submit_request(stream, parsed, filename=filename, idempotency_key=idempotency_key)[0]

    def submit_request(
        self, stream: BinaryIO, request: JobRequest, *, filename: str | None, idempotency_key: str | None
    ) -> tuple[Job, bool]:
        """`submit` for a parsed request: the job, and whether it is new.

        The document goes to the store first, then one script creates the record, only then is a message
        published. A crash in between leaves either unreferenced bytes or a job that the reconciler publishes.
        """
        self._check(request, idempotency_key)
        info = inspect_source(stream, filename=filename, max_bytes=self._limits.max_file_bytes)
        job_id = uuid_utils.uuid7().hex
        manifest = {"job_id": job_id, "source": info.model_dump(), "request": request.model_dump(mode="json")}
        self._objects.put(names.input_key(job_id, info.filename), stream, media_type=info.media_type)
        self._objects.put(names.manifest_key(job_id), json.dumps(manifest).encode(), media_type="application/json")
        new = NewJob(
            id=job_id,
            request=request,
            source=info,
            ttl_s=request.ttl_s or self._limits.job_ttl_s,
            retention_s=self._limits.result_ttl_s,
            idempotency_key=idempotency_key,
            fingerprint=_fingerprint(info, request) if idempotency_key else "",
        )
        accepted_id, created = self._create(new)
        if created:
            self._publish(job_id, request)
        return self.status(accepted_id), created

    def status(self, job_id: str) -> Job:
        """Raises: NotFound."""
        return self._record(job_id).job

    def wait(self, job_id: str, *, timeout_s: float = 3600) -> Job:
        """The job once it is terminal. Raises: NotFound, WaitTimeout."""
        deadline = time.monotonic() + timeout_s
        pause_s = 0.02
        while not (job := self.status(job_id)).status.is_terminal:
            if time.monotonic() >= deadline:
                raise WaitTimeout(f"job {job_id} is {job.status} after {timeout_s:g} s; it goes on, wait again")
            time.sleep(pause_s)
            pause_s = min(pause_s * 1.5, 0.5)
        return job

    def events(self, job_id: str, *, after: str = "0") -> list[Event]:
        """What happened to the job after the event with id `after`, oldest first. Raises: NotFound."""
        self._record(job_id)
        return self._jobs.events(job_id, after=after)

    def cancel(self, job_id: str) -> Job:
        """Stop the job: at once when it waits, within a page when it runs. Raises: NotFound."""
        self._jobs.cancel(_checked(job_id))
        return self.status(job_id)

    def result(self, job_id: str) -> bytes:
        """The document result as JSON. Raises: NotFound, NotFinished, JobFailed."""
        job = self.status(job_id)
        if not job.status.is_terminal:
            raise NotFinished(f"job {job_id} is {job.status}; wait for it and ask again")
        if job.status not in (JobState.SUCCEEDED, JobState.PARTIAL):
            error = job.error
            raise JobFailed(error.code if error else job.status, error.message if error else f"the job is {job.status}")
        return self._objects.get(names.result_key(job_id))

    def page(self, job_id: str, page: int) -> bytes:
        """One page's JSON as soon as it is done; pages count from 1. Raises: NotFound, NotFinished."""
        job = self.status(job_id)
        try:
            return self._objects.get(names.page_key(job_id, page))
        except NotFound as error:
            if not job.status.is_terminal:
                raise NotFinished(f"page {page} of job {job_id} is not done") from error
            raise NotFound(f"job {job_id} has no result for page {page}") from error

    def locate(self, job_id: str, name: str, *, expires_s: int = 600) -> str | None:
        """An address to fetch a result file from, or None when the store has none: then `open`. Raises: NotFound."""
        key = self._file_key(job_id, name)
        self._objects.head(key)
        return self._objects.presign(key, expires_s=expires_s)

    def open(self, job_id: str, name: str) -> BinaryIO:
        """A result file, to be closed by the caller. Raises: NotFound."""
        return self._objects.open(self._file_key(job_id, name))

    def download(self, job_id: str, name: str, target: Path) -> None:
        """Write a result file to `target`. Raises: NotFound."""
        with self.open(job_id, name) as stream, target.open("wb") as file:
            shutil.copyfileobj(stream, file)

    def _file_key(self, job_id: str, name: str) -> str:
        key = names.file_key(_checked(job_id), name)
        if key is None:
            raise NotFound(f"jobs have no file named {name!r}")
        return key

    def _record(self, job_id: str) -> JobRecord:
        return self._jobs.get(_checked(job_id))

    def _check(self, request: JobRequest, idempotency_key: str | None) -> None:
        if idempotency_key is not None and not _IDEMPOTENCY_KEY.fullmatch(idempotency_key):
            raise InvalidRequest("an idempotency key has 1 to 128 letters, digits, or . : - _")
        if request.webhook and not self._limits.webhooks_signed:
            raise InvalidRequest("webhooks are signed: set OCRFLEET_WEBHOOK_SECRET on the service to use them")

    def _create(self, new: NewJob) -> tuple[str, bool]:
        """Create the record; the bytes of a submission that surely made no job are taken back.

        When Redis does not answer it may still have created the job: then the bytes stay.
        """
        try:
            accepted_id, created = self._jobs.submit(new)
        except IdempotencyMismatch:
            self._objects.delete(names.job_prefix(new.id))
            raise
        if not created:
            self._objects.delete(names.job_prefix(new.id))
        return accepted_id, created

    def _publish(self, job_id: str, request: JobRequest) -> None:
        try:
            self._queue.publish(job_id, device=request.device, priority=request.priority)
        except Unavailable as error:
            _log.warning("publish_postponed", job_id=job_id, reason=error.message)


def _checked(job_id: str) -> str:
    """A job id in its one form; anything else names no job and never reaches a key."""
    if not names.JOB_ID.fullmatch(job_id):
        raise NotFound(f"{job_id[:64]!r} is not a job id")
    return job_id


def _fingerprint(info: SourceInfo, request: JobRequest) -> str:
    return hashlib.sha256(f"{info.sha256}\n{request.model_dump_json()}".encode()).hexdigest()
