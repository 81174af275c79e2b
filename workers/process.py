"""The unit of work: one claimed job from its document to its result. Knows no Celery."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from ocr_engine import Document, DocumentLimits, EngineError, OCREngine, OCRResult, open_document
from producer.backends.redis_jobs import RedisJobStore
from producer.contract import names
from producer.contract.errors import InvalidRequest, NotFound, Unavailable
from producer.contract.jobs import JobError, JobRecord, JobState
from producer.contract.leases import Lease, LeaseState
from producer.contract.pages import PageSelection
from producer.contract.ports import ObjectStore
from producer.contract.results import DocumentResult, PageResult
from workers import translate
from workers.heartbeat import Heartbeat
from workers.settings import LEASE_S

RETRY_DELAY_S = 5.0  # before a job is tried again that met an unavailable store
_JPEG_QUALITY = 85
_STUCK_EXIT_CODE = 70
_log = structlog.get_logger(__name__)


class LeaseLost(Exception):
    """Another worker has the job, or its caller cancelled it: stop, and commit nothing more."""

    def __init__(self, state: LeaseState) -> None:
        super().__init__(state)
        self.state = state


@dataclass(frozen=True, kw_only=True, slots=True)
class ProcessLimits:
    """Bounds on one document."""

    document: DocumentLimits
    max_attempts: int
    page_timeout_s: float


@dataclass(frozen=True, kw_only=True, slots=True)
class _Work:
    """One claimed job on its way."""

    lease: Lease
    record: JobRecord
    heartbeat: Heartbeat
    started: float = field(default_factory=time.monotonic)

    @property
    def job_id(self) -> str:
        return self.lease.job_id

    def check(self, state: LeaseState | None = None) -> None:
        """Raises: LeaseLost when the job is not ours any more, or is to be cancelled."""
        for known in (state, self.heartbeat.state):
            if known not in (None, LeaseState.HELD):
                raise LeaseLost(known)


class DocumentProcessor:
    """Runs jobs on one engine. One at a time, in one thread of a worker's child process."""

    def __init__(
        self,
        *,
        engine: OCREngine,
        jobs: RedisJobStore,
        objects: ObjectStore,
        limits: ProcessLimits,
        holder: str,
    ) -> None:
        self._engine = engine
        self._jobs = jobs
        self._objects = objects
        self._limits = limits
        self._holder = holder

    def claim(self, job_id: str) -> Lease | None:
        """Take the job; None when there is nothing to do for this message."""
        answer = self._jobs.claim(
            job_id,
            holder=self._holder,
            device=self._engine.device,
            lease_s=LEASE_S,
            max_attempts=self._limits.max_attempts,
        )
        if isinstance(answer, Lease):
            return answer
        _log.debug("claim_declined", job_id=job_id, answer=answer)
        return None

    def run(self, lease: Lease, *, keep_message: Callable[[], None]) -> None:
        """Read every page that is not stored yet, assemble the result, end the job.

        Safe to repeat: objects have fixed keys, pages are counted once, a stale lease changes nothing.
        """
        record = self._jobs.get(lease.job_id)
        heartbeat = Heartbeat(
            self._jobs,
            lease,
            keep_message=keep_message,
            page_timeout_s=self._limits.page_timeout_s,
            on_stuck=lambda page: self._abandon(lease, page),
        )
        with heartbeat:
            work = _Work(lease=lease, record=record, heartbeat=heartbeat)
            try:
                self._read_document(work)
            except LeaseLost as lost:
                self._stop(work, lost.state)
            except Unavailable as error:
                _log.warning("job_postponed", job_id=lease.job_id, reason=error.message)
                self._jobs.release(lease, delay_s=RETRY_DELAY_S)

    def fail(self, lease: Lease, error: JobError) -> None:
        """End the job without a result."""
        self._jobs.finish(lease, JobState.FAILED, error=error, outputs={})
        _log.info("job_failed", job_id=lease.job_id, code=error.code)

    def _read_document(self, work: _Work) -> None:
        source = work.record.source
        try:
            data = self._objects.get(names.input_key(work.job_id, source.filename))
        except NotFound:
            lost = JobError(code="source_unreachable", message="the document is no longer stored; submit it again")
            self.fail(work.lease, lost)
            return
        try:
            with open_document(data, limits=self._limits.document) as document:
                selection = PageSelection.parse(work.record.request.pages)
                pages = selection.of(document.page_count)
                if not pages:
                    raise InvalidRequest(f"the document has {document.page_count} pages; none of them was asked for")
                work.check(self._jobs.plan(work.lease, pages_total=len(pages)))
                counted = self._jobs.pages(work.job_id)
                results = [
                    self._stored_page(work, page) if page in counted else self._read_page(work, document, page)
                    for page in pages
                ]
        except (EngineError, InvalidRequest) as error:
            self.fail(work.lease, translate.job_error(error))
            return
        self._finish(work, results)

    def _read_page(self, work: _Work, document: Document, page: int) -> PageResult:
        """Read one page and store what came of it; a page that cannot be read fails alone."""
        work.check()
        work.heartbeat.begin_page(page)
        index = page - 1
        try:
            found = self._engine.predict_page(
                document.page_image(index),
                input_path=work.record.source.filename,
                page_index=document.page_index(index),
                options=translate.predict_options(work.record.request),
            )
        except EngineError as error:
            _log.warning("page_failed", job_id=work.job_id, page=page, code=error.code)
            result = translate.failed_page(page, translate.job_error(error))
        else:
            with_image = "image" in work.record.request.outputs
            if with_image:
                self._objects.put(names.image_key(work.job_id, page), _jpeg(found), media_type="image/jpeg")
            result = translate.page_result(work.job_id, page, found, with_image=with_image)
        self._store_page(work.job_id, result)
        work.heartbeat.end_page()
        work.check(self._jobs.page(work.lease, page, error=result.error))
        return result

    def _stored_page(self, work: _Work, page: int) -> PageResult:
        """A page that an earlier attempt stored."""
        return PageResult.model_validate_json(self._objects.get(names.page_key(work.job_id, page)))

    def _store_page(self, job_id: str, result: PageResult) -> None:
        body = result.model_dump_json().encode()
        self._objects.put(names.page_key(job_id, result.page), body, media_type="application/json")

    def _finish(self, work: _Work, pages: list[PageResult]) -> None:
        """Put the document result, then end the job: who sees the end sees the result."""
        failed = [page for page in pages if page.status == "failed"]
        state = JobState.PARTIAL if failed else JobState.SUCCEEDED
        if len(failed) == len(pages):
            state = JobState.FAILED
        took_ms = (time.monotonic() - work.started) * 1000
        document = DocumentResult(
            job_id=work.job_id,
            source=work.record.source,
            status=state,
            pages=pages,
            engine=translate.engine_info(self._engine),
            timings_ms={"total": round(took_ms, 1)},
        )
        body = document.model_dump_json().encode()
        self._objects.put(names.result_key(work.job_id), body, media_type="application/json")
        outputs = {"json": names.file_href(work.job_id, "result.json")}
        error = failed[0].error if state is JobState.FAILED else None
        work.check(self._jobs.finish(work.lease, state, error=error, outputs=outputs))
        _log.info("job_finished", job_id=work.job_id, state=state, pages=len(pages), took_ms=round(took_ms))

    def _stop(self, work: _Work, state: LeaseState) -> None:
        if state is LeaseState.CANCELLED:
            error = JobError(code="cancelled", message="The job was cancelled.")
            self._jobs.finish(work.lease, JobState.CANCELLED, error=error, outputs={})
        _log.info("job_stopped", job_id=work.job_id, state=state)

    def _abandon(self, lease: Lease, page: int) -> None:
        """A runtime call cannot be interrupted: fail the page, give the job back, end the process.

        Runs in the heartbeat thread. The next process goes on behind the failed page.
        """
        message = f"the page took longer than {self._limits.page_timeout_s:g} s; raise OCRFLEET_PAGE_TIMEOUT_S"
        error = JobError(code="page_timeout", message=message, retryable=True)
        _log.error("page_stuck", job_id=lease.job_id, page=page)
        self._store_page(lease.job_id, translate.failed_page(page, error))
        self._jobs.page(lease, page, error=error)
        self._jobs.release(lease, delay_s=0)
        os._exit(_STUCK_EXIT_CODE)


def _jpeg(found: OCRResult) -> bytes:
    buffer = io.BytesIO()
    found.draw_lines().save(buffer, format="JPEG", quality=_JPEG_QUALITY)
    return buffer.getvalue()
