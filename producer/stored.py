"""What is stored of a job's results: the document result, its pages and its files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO

from producer.contract import names
from producer.contract.errors import Expired, JobFailed, NotFinished, NotFound
from producer.contract.jobs import Job, JobState
from producer.contract.ports import ObjectStore


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredResults:
    """Results of jobs that were looked up before: whose they are is not asked here."""

    objects: ObjectStore

    def open_result(self, job: Job) -> BinaryIO:
        """The document result, to be closed by the caller. Raises: NotFinished, JobFailed, Expired."""
        if not job.status.is_terminal:
            raise NotFinished(f"job {job.id} is {job.status}; wait for it and ask again")
        if job.status not in (JobState.SUCCEEDED, JobState.PARTIAL):
            error = job.error
            raise JobFailed(error.code if error else job.status, error.message if error else f"the job is {job.status}")
        try:
            return self.objects.open(names.result_key(job.id))
        except NotFound as error:
            raise Expired() from error

    def page(self, job: Job, page: int) -> bytes:
        """One page's JSON; pages count from 1. Raises: NotFound, NotFinished, Expired."""
        try:
            return self.objects.get(names.page_key(job.id, page))
        except NotFound as error:
            if not job.status.is_terminal:
                raise NotFinished(f"page {page} of job {job.id} is not done") from error
            self._check_kept(job)
            raise NotFound(f"job {job.id} has no result for page {page}") from error

    def locate(self, job: Job, name: str, *, expires_s: int) -> str | None:
        """An address to fetch a file from, or None when the store has none. Raises: NotFound, Expired."""
        key = _file_key(job, name)
        try:
            self.objects.head(key)
        except NotFound:
            self._check_kept(job)
            raise
        return self.objects.presign(key, expires_s=expires_s)

    def open(self, job: Job, name: str) -> BinaryIO:
        """A file, to be closed by the caller. Raises: NotFound."""
        return self.objects.open(_file_key(job, name))

    def _check_kept(self, job: Job) -> None:
        """The manifest is written first and deleted with the results. Raises: Expired."""
        try:
            self.objects.head(names.manifest_key(job.id))
        except NotFound as error:
            raise Expired() from error


def _file_key(job: Job, name: str) -> str:
    key = names.file_key(job.id, name)
    if key is None:
        raise NotFound(f"jobs have no file named {name!r}")
    return key
