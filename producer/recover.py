"""Recovery after a total loss of Redis: job records and API keys are rebuilt from what lies in the object store."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import groupby, islice

import structlog
from pydantic import ValidationError

from producer.contract import names
from producer.contract.errors import NotFound
from producer.contract.jobs import JobError, JobState
from producer.contract.leases import LostJob, SubmitOutcome
from producer.contract.manifest import Manifest
from producer.contract.ports import Doorbell, ObjectStore, Upkeep
from producer.contract.results import PageResult
from producer.intake import fingerprint, reuse_key
from producer.keyring import KeyRing
from producer.ringing import ring_or_leave

_PARALLEL_READS = 16  # a request to S3 takes some 20 ms, nearly all of it waiting
_BATCH = 64
_Objects = tuple[str, list[str]]  # a job's id, and the keys of its objects
_log = structlog.get_logger(__name__)


class Found(StrEnum):
    """What recovery did about one job that has objects in the store, or one API key."""

    RESTORED = "restored"  # it had ended: its record is back, and its webhook will be told again
    REQUEUED = "requeued"  # it had not ended: it runs again, the pages that are stored are not read again
    REPEATED = "repeated"  # it had not ended, a newer job for its idempotency key had: its record is back, cancelled
    PRESENT = "present"  # there is a record of it, or it was deleted
    OUTDATED = "outdated"  # its time is over; the sweep takes its objects
    UNFINISHED = "unfinished"  # no manifest: its submission was never answered
    UNREADABLE = "unreadable"  # the manifest is damaged, or of another version
    KEYS = "keys"  # API keys that are back; one that was revoked, or has ended, stays away


class Recovery:
    """Puts lost jobs back. Safe to repeat, and while workers and producers run: a record that is there is left alone.

    A submission that Redis did not answer leaves a manifest, and nobody knows whether its job was made. So no job is
    left out because another one has its idempotency key. Jobs with a key that had not ended wait for those that had.

    Streams over the store: a batch of jobs is in memory, and the ids of those that wait, whatever the number of jobs.
    """

    def __init__(self, upkeep: Upkeep, objects: ObjectStore, doorbell: Doorbell, keys: KeyRing) -> None:
        self._upkeep = upkeep
        self._keys = keys
        self._objects = objects
        self._doorbell = doorbell

    def run(self) -> dict[Found, int]:
        """Recover every key and every job; how many of each kind were found. Oldest first.

        Raises: Unavailable: Redis or the store stopped answering; run it again.
        """
        counts = dict.fromkeys(Found, 0)
        counts[Found.KEYS] = self._keys.restore()
        jobs, waiting = _jobs_of(self._objects.keys(names.JOBS_PREFIX)), list[str]()
        with ThreadPoolExecutor(_PARALLEL_READS, thread_name_prefix="recover") as pool:
            while batch := list(islice(jobs, _BATCH)):
                for (job_id, _), lost in zip(batch, pool.map(self._lost_unless_waiting, batch), strict=True):
                    if lost is None:
                        waiting.append(job_id)
                    else:
                        counts[self._put_back(lost)] += 1
            ids = iter(waiting)
            while again := list(islice(ids, _BATCH)):
                for found in pool.map(self._lost_that_waited, again):
                    counts[self._put_back(found)] += 1
        for queue in self._upkeep.backlog():
            ring_or_leave(self._doorbell, queue)
        return counts

    def _put_back(self, lost: LostJob | Found) -> Found:
        if isinstance(lost, Found):
            return lost
        answer, job = self._upkeep.restore(lost), lost.record.job
        if answer.outcome is SubmitOutcome.CREATED:
            ring_or_leave(self._doorbell, answer.ring)
            return Found.RESTORED if job.status.is_terminal else Found.REQUEUED
        if answer.job_id == job.id:
            return Found.PRESENT
        answer = self._upkeep.restore(_cancelled(lost, answer.job_id))
        return Found.REPEATED if answer.outcome is SubmitOutcome.CREATED else Found.PRESENT

    def _lost_unless_waiting(self, stored: _Objects) -> LostJob | Found | None:
        """As `_lost`; None: it waits for those that had ended. Runs in a thread of the pool."""
        job_id, keys = stored
        manifest = self._manifest(job_id)
        if isinstance(manifest, Found):
            return manifest
        job = manifest.record.job
        return None if job.idempotency_key and not job.status.is_terminal else self._lost(manifest, keys)

    def _lost_that_waited(self, job_id: str) -> LostJob | Found:
        """As `_lost`. Runs in a thread of the pool."""
        manifest = self._manifest(job_id)
        if isinstance(manifest, Found):
            return manifest
        return self._lost(manifest, list(self._objects.keys(names.job_prefix(job_id))))

    def _manifest(self, job_id: str) -> Manifest | Found:
        try:
            return Manifest.model_validate_json(self._objects.get(names.manifest_key(job_id)))
        except NotFound:
            return Found.UNFINISHED
        except ValidationError as error:
            _log.warning("manifest_unreadable", job_id=job_id, reason=str(error))
            return Found.UNREADABLE

    def _lost(self, manifest: Manifest, keys: list[str]) -> LostJob | Found:
        """What is to be put back, or why nothing is."""
        record, now = manifest.record, datetime.now(tz=UTC)
        if manifest.keep_until <= now:
            return Found.OUTDATED
        pages = {} if record.job.status is JobState.SUCCEEDED else self._pages(record.job.status, keys)
        expires_at, keep_until = manifest.expires_at, manifest.keep_until
        if pages and not record.job.status.is_terminal:  # its time to live counts from the last work on it
            expires_at = now + timedelta(seconds=record.ttl_s)
            keep_until = expires_at + timedelta(seconds=record.retention_s)
        return LostJob(
            record=record,
            pages=pages,
            wait_s=(expires_at - now).total_seconds(),
            keep_s=(keep_until - now).total_seconds(),
            fingerprint=(
                fingerprint(record.request, record.source, record.remote, batch=record.batch)
                if record.job.idempotency_key
                else ""
            ),
            reuse_key=reuse_key(record.request, record.source, record.owner) if record.request.reuse else "",
        )

    def _pages(self, state: JobState, keys: list[str]) -> dict[int, JobError | None]:
        """The stored pages that count: of an unfinished job those with a result, of an ended one the failed as well."""
        found: dict[int, JobError | None] = {}
        for key in filter(names.is_page_key, keys):
            try:
                page = PageResult.model_validate_json(self._objects.get(key))
            except (NotFound, ValidationError) as error:
                _log.warning("page_unreadable", key=key, reason=type(error).__name__)
                continue
            if page.error is None or state.is_terminal:
                found[page.page] = page.error
        return found


def _cancelled(lost: LostJob, by: str) -> LostJob:
    """The job as it is put back where job `by` has answered its submission. Not in its batch, which has that one."""
    error = JobError(code="cancelled", message=f"Submitted again with its idempotency key: job {by} is the answer.")
    job = lost.record.job.model_copy(
        update={"status": JobState.CANCELLED, "finished_at": datetime.now(tz=UTC), "error": error}
    )
    return replace(lost, record=lost.record.model_copy(update={"job": job, "batch": None}))


def _jobs_of(keys: Iterator[str]) -> Iterator[_Objects]:
    """The jobs that have objects, oldest first: the keys of a store are sorted, and ids begin with their time."""
    for job_id, of_job in groupby(keys, names.job_of_key):
        if job_id:
            yield job_id, list(of_job)
