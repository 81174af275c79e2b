"""Deleting objects whose time is over: those of outdated jobs, and those that no job record stands for."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import groupby, islice, takewhile

import structlog
from pydantic import ValidationError

from producer.contract import names
from producer.contract.errors import NotFound
from producer.contract.manifest import Manifest
from producer.contract.ports import JobStore, ObjectStore

_BATCH = 20  # deleting a job's objects takes a store some time; leases must be looked at every second
_ORPHANS_EVERY_S = 3600.0
_UPLOAD_AGE = timedelta(days=2)  # an address lives a day at most, and what is being sent then may end
_log = structlog.get_logger(__name__)


class Sweep:
    """Deletes what is past its time, a batch a step. Two at once do no harm.

    orphan_age: the longest that a job waits and is kept by default. Objects without a record are left alone for that
    long, because `recover` may still make a job of them.
    """

    def __init__(
        self,
        store: JobStore,
        objects: ObjectStore,
        *,
        orphan_age: timedelta,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._jobs = store.jobs
        self._upkeep = store.upkeep
        self._objects = objects
        self._orphan_age = orphan_age
        self._monotonic = monotonic
        self._orphans_at = monotonic()

    def step(self) -> int:
        """Delete a batch of what is past its time; how many jobs that were. Raises: Unavailable."""
        swept = self._outdated()
        if self._monotonic() >= self._orphans_at:
            found = self._orphans() + self._unused_uploads()
            swept += found
            if found < _BATCH:  # a full batch may not have been all
                self._orphans_at = self._monotonic() + _ORPHANS_EVERY_S
        return swept

    def _outdated(self) -> int:
        """Jobs past their retention, however they ended; their records tell for a day that they have expired."""
        outdated = self._upkeep.outdated(limit=_BATCH)
        for job_id in outdated:
            self._objects.delete(names.job_prefix(job_id))
            self._upkeep.mark_swept(job_id)
            _log.info("job_swept", job_id=job_id)
        return len(outdated)

    def _orphans(self) -> int:
        """Bytes whose submission made no job, and jobs that Redis lost and nobody recovered in time.

        Ids begin with their time and keys are sorted: only the old ones are listed.
        """
        found, now = 0, datetime.now(tz=UTC)
        for job_id, _ in groupby(self._objects.keys(names.JOBS_PREFIX), names.job_of_key):
            if job_id is None:
                continue  # not ours
            if found >= _BATCH or not _is_before(names.made_at(job_id), now - self._orphan_age):
                break
            if self._is_orphan(job_id, now):
                self._objects.delete(names.job_prefix(job_id))
                _log.info("orphan_swept", job_id=job_id)
                found += 1
        return found

    def _unused_uploads(self) -> int:
        """Uploads of which no job was made while their addresses could be used."""
        old_before = datetime.now(tz=UTC) - _UPLOAD_AGE
        uploads = filter(names.is_upload_key, self._objects.keys(names.UPLOADS_PREFIX))
        unused = list(islice(takewhile(lambda key: _is_before(names.upload_made_at(key), old_before), uploads), _BATCH))
        for key in unused:
            self._objects.delete(key)
        return len(unused)

    def _is_orphan(self, job_id: str, now: datetime) -> bool:
        try:
            self._jobs.get(job_id)
        except NotFound:
            return not self._is_kept(job_id, now)
        return False

    def _is_kept(self, job_id: str, now: datetime) -> bool:
        """Whether the manifest speaks of a job that `recover` would put back."""
        try:
            manifest = Manifest.model_validate_json(self._objects.get(names.manifest_key(job_id)))
        except (NotFound, ValidationError):
            return False
        return manifest.keep_until > now


def _is_before(made_at: datetime | None, limit: datetime) -> bool:
    return made_at is not None and made_at < limit
