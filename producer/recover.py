"""Recovery after a total loss of Redis: job records and API keys are rebuilt from what lies in the object store."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
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
    PRESENT = "present"  # there is a record of it, or of another job for its idempotency key, or it was deleted
    OUTDATED = "outdated"  # its time is over; the sweep takes its objects
    UNFINISHED = "unfinished"  # no manifest: its submission was never answered
    UNREADABLE = "unreadable"  # the manifest is damaged, or of another version
    KEYS = "keys"  # API keys that are back; one that was revoked, or has ended, stays away


class Recovery:
    """Puts lost jobs back. Safe to repeat, and while workers and producers run: a record that is there is left alone.

    Streams over the store: a batch of jobs is in memory, whatever their number.
    """

    def __init__(self, upkeep: Upkeep, objects: ObjectStore, doorbell: Doorbell, keys: KeyRing) -> None:
        self._upkeep = upkeep
        self._keys = keys
        self._objects = objects
        self._doorbell = doorbell

    def run(self) -> dict[Found, int]:
        """Recover every key and every job; how many of each kind were found. Oldest first: they run in that order.

        Raises: Unavailable: Redis or the store stopped answering; run it again.
        """
        counts = dict.fromkeys(Found, 0)
        counts[Found.KEYS] = self._keys.restore()
        jobs = _jobs_of(self._objects.keys(names.JOBS_PREFIX))
        with ThreadPoolExecutor(_PARALLEL_READS, thread_name_prefix="recover") as pool:
            while batch := list(islice(jobs, _BATCH)):
                for lost in pool.map(self._lost, batch):
                    counts[self._put_back(lost) if isinstance(lost, LostJob) else lost] += 1
        for queue in self._upkeep.backlog():
            ring_or_leave(self._doorbell, queue)
        return counts

    def _put_back(self, lost: LostJob) -> Found:
        answer = self._upkeep.restore(lost)
        if answer.outcome is SubmitOutcome.EXISTING:
            return Found.PRESENT
        ring_or_leave(self._doorbell, answer.ring)
        return Found.RESTORED if lost.record.job.status.is_terminal else Found.REQUEUED

    def _lost(self, stored: _Objects) -> LostJob | Found:
        """What is to be put back, or why nothing is. Runs in a thread of the pool."""
        job_id, keys = stored
        try:
            manifest = Manifest.model_validate_json(self._objects.get(names.manifest_key(job_id)))
        except NotFound:
            return Found.UNFINISHED
        except ValidationError as error:
            _log.warning("manifest_unreadable", job_id=job_id, reason=str(error))
            return Found.UNREADABLE
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


def _jobs_of(keys: Iterator[str]) -> Iterator[_Objects]:
    """The jobs that have objects, oldest first: the keys of a store are sorted, and ids begin with their time."""
    for job_id, of_job in groupby(keys, names.job_of_key):
        if job_id:
            yield job_id, list(of_job)
