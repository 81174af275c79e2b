"""The end of a job: its result, its terminal state, its manifest."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime

import structlog

from producer.contract import names
from producer.contract.errors import NotFound, Unavailable
from producer.contract.jobs import JobError, JobRecord, JobState
from producer.contract.leases import Claim, LeaseState
from producer.contract.ports import JobStore, ObjectStore
from producer.contract.results import DocumentResult
from producer.intake import put_manifest
from producer.tracing import record_step
from workers import translate
from workers.assemble import put_exports, put_result
from workers.engine import Engine
from workers.failpoints import reach

_log = structlog.get_logger(__name__)


class Closing:
    """Ends jobs that have no result, under a lease. Every step may be repeated: what was written is written again."""

    def __init__(self, *, store: JobStore, objects: ObjectStore) -> None:
        self._jobs = store.jobs
        self._leases = store.leases
        self._objects = objects

    def fail(self, claim: Claim, error: JobError) -> None:
        """End the job without a result."""
        self._end(claim, JobState.FAILED, error, {}, is_dead=error.retryable)

    def cancelled(self, claim: Claim) -> None:
        """Stop working on a cancelled job; the last to stop ends it."""
        self._leases.drop(claim.lease)
        self._seal(claim.lease.job_id)

    def clean_up_deleted(self, job_id: str) -> None:
        """If the job was deleted while it was read, take away what was stored since.

        A record that is only gone was lost with Redis: then `recover` needs every object.
        """
        if self._jobs.was_forgotten(job_id):
            self._objects.delete(names.job_prefix(job_id))

    def _end(
        self,
        claim: Claim,
        state: JobState,
        error: JobError | None,
        outputs: Mapping[str, str],
        *,
        is_dead: bool,
    ) -> None:
        answer = self._leases.finish(claim.lease, state, error=error, outputs=outputs, is_dead=is_dead)
        if answer.state is LeaseState.STALE:
            self.clean_up_deleted(claim.lease.job_id)
            return
        reach("after_finish")
        code = error.code if error else None
        _log.info(
            "job_finished", job_id=claim.lease.job_id, state=state, code=code, took_ms=round(_age_ms(claim.record))
        )
        self._seal(claim.lease.job_id)

    def _seal(self, job_id: str) -> None:
        """Write the manifest of an ended job. Without it `recover` would run the job again, which loses nothing."""
        try:
            record = self._jobs.get(job_id)
            if record.job.status.is_terminal:
                put_manifest(self._objects, record)
        except (NotFound, Unavailable) as error:
            _log.warning("manifest_missed", job_id=job_id, reason=error.message)


class Ending(Closing):
    """Ends jobs, with their results."""

    def finish(self, claim: Claim, engine: Engine, *, known: Mapping[int, bytes]) -> None:
        """Put the document result, then end the job: who sees the end sees the result.

        engine: what is said to have read it. known: pages whose JSON this process has just stored. Raises: Unavailable.
        """
        began_ns = time.time_ns()
        job_id, pages = claim.lease.job_id, self._leases.pages(claim.lease.job_id)
        failed = [error for _, error in sorted(pages.items()) if error]
        state = JobState.PARTIAL if failed else JobState.SUCCEEDED
        if len(failed) == len(pages):
            state = JobState.FAILED
        document = DocumentResult(
            job_id=job_id,
            source=claim.record.source,
            status=state,
            pages=[],
            engine=translate.engine_info(engine),
            timings_ms={"total": round(_age_ms(claim.record), 1)},
        )
        outputs = {"json": names.file_href(job_id, "result.json")}
        if state is not JobState.FAILED:
            by = f"OCRFleet {document.engine.profile} {document.engine.runtime}"
            outputs |= put_exports(self._objects, claim.record, sorted(pages), engine=by, known=known)
        put_result(self._objects, document, sorted(pages), known=known)
        reach("before_finish")
        error = failed[0] if state is JobState.FAILED else None
        self._end(claim, state, error, outputs, is_dead=any(one.retryable for one in failed))
        record_step("finish", job_id, began_ns=began_ns, state=state)


def _age_ms(record: JobRecord) -> float:
    started = record.job.started_at or record.job.created_at
    return (datetime.now(tz=UTC) - started).total_seconds() * 1000
