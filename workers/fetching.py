"""Fetching documents that are elsewhere, so that no device waits for a network. Runs in a child of the io worker."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

import structlog

from producer.contract import names
from producer.contract.errors import NotFound, RequestError, SourceUnreachable, Unavailable
from producer.contract.jobs import JobError
from producer.contract.leases import Claim, LeaseState, Worker
from producer.contract.ports import Doorbell, JobStore, ObjectStore
from producer.contract.sources import S3Source, UploadSource, UrlSource, shown
from producer.intake import put_manifest
from producer.remote import RemoteRules
from producer.ringing import ring_or_leave
from producer.source import inspect_source
from workers.disk import on_disk
from workers.ending import Closing
from workers.failpoints import reach
from workers.heartbeat import Heartbeat, LeaseTimes, PageBounds
from workers.postponing import postpone_s
from workers.web_source import WebSource

_CHUNK_BYTES = 1 << 20
_TRIES = 3
_UNBOUNDED = PageBounds(timeout_s=math.inf, memory_bytes=1 << 62, load_s=math.inf)  # no page is read here
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class FetchLimits:
    """Where documents may come from, and bounds on one of them."""

    rules: RemoteRules
    max_bytes: int
    timeout_s: float
    lease: LeaseTimes


class Fetcher:
    """Takes jobs whose document is elsewhere, stores it, and hands them on. One at a time, in one thread.

    open_bucket: a store on a bucket that is not ours.
    """

    def __init__(
        self,
        *,
        store: JobStore,
        objects: ObjectStore,
        doorbell: Doorbell,
        open_bucket: Callable[[str], ObjectStore],
        limits: FetchLimits,
        holder: str,
    ) -> None:
        self._leases = store.leases
        self._objects = objects
        self._doorbell = doorbell
        self._open_bucket = open_bucket
        self._limits = limits
        self._worker = Worker(queues=(names.QUEUE_FETCH,), holder=holder, device="io")
        self._closing = Closing(store=store, objects=objects)
        self._web = WebSource(limits.rules, max_bytes=limits.max_bytes, timeout_s=limits.timeout_s)

    def work(self, *, keep_message: Callable[[], None], is_leaving: Callable[[], bool] = lambda: False) -> bool:
        """Take the job whose turn it is and fetch its document; False: there was none. Raises: Unavailable.

        is_leaving: whether this worker is to end; then it takes none.
        Safe to repeat: the document has a fixed key, and a stale lease changes nothing.
        """
        claim = None if is_leaving() else self._leases.claim(self._worker, lease_s=self._limits.lease.lease_s)
        if claim is None:
            return False
        for queue in claim.more:
            ring_or_leave(self._doorbell, queue)
        heartbeat = Heartbeat(
            self._leases,
            claim.lease,
            keep_message=keep_message,
            times=self._limits.lease,
            bounds=_UNBOUNDED,
            on_stuck=lambda _page, _why: None,
        )
        with heartbeat:
            self._do(claim, heartbeat)
        return True

    def _do(self, claim: Claim, heartbeat: Heartbeat) -> None:
        """Fetch, and answer in the record for whatever keeps the document from being stored."""
        try:
            self._settle(claim, self._fetch(claim, heartbeat))
        except SourceUnreachable as error:
            if claim.waits + 1 < _TRIES:
                self._postpone(claim, error.message)
            else:
                self._fail(claim, error)
        except RequestError as error:
            self._fail(claim, error)
        except Unavailable as error:
            self._postpone(claim, error.message)

    def _fetch(self, claim: Claim, heartbeat: Heartbeat) -> LeaseState:
        """The story: into a file, looked at, stored, handed on."""
        record = claim.record
        if claim.deaths >= _TRIES:
            raise SourceUnreachable("the process that fetched it died several times; send the document instead")

        def is_held() -> bool:
            return heartbeat.state is LeaseState.HELD

        with on_disk(), tempfile.TemporaryFile() as file:
            self._write(claim, file, is_held)
            if not is_held():
                return heartbeat.state
            file.seek(0)
            source = inspect_source(file, filename=record.source.filename, max_bytes=self._limits.max_bytes)
            key = names.input_key(claim.lease.job_id, source.filename)
            self._objects.put(key, file, media_type=source.media_type)
        if not is_held():
            return heartbeat.state
        # Before the job is handed on: what it was fetched from may be gone when `recover` asks for it.
        put_manifest(self._objects, record.model_copy(update={"source": source}))
        reach("after_fetch")
        answer = self._leases.fetched(claim.lease, source, queue=names.queue_of(record.request.device))
        if answer.ring:
            ring_or_leave(self._doorbell, answer.ring)
        return answer.state

    def _settle(self, claim: Claim, state: LeaseState) -> None:
        if state is LeaseState.CANCELLED:
            self._closing.cancelled(claim)
        elif state is LeaseState.STALE:
            self._closing.clean_up_deleted(claim.lease.job_id)
        elif isinstance(claim.record.remote, UploadSource):
            self._objects.delete(names.upload_key(claim.record.owner, claim.record.remote.upload_id))

    def _write(self, claim: Claim, file: BinaryIO, is_wanted: Callable[[], bool]) -> None:
        """Raises: SourceForbidden, SourceUnreachable, TooLarge, InvalidRequest, Unavailable."""
        match claim.record.remote:
            case UrlSource() as web:
                self._web.fetch(web, file, is_wanted=is_wanted)
            case S3Source() as outer:
                bucket, key = self._limits.rules.check_bucket(outer.uri)
                self._copy(self._open_bucket(bucket), key, file, what=shown(outer))
            case UploadSource() as upload:
                key = names.upload_key(claim.record.owner, upload.upload_id)
                self._copy(self._objects, key, file, what=shown(upload))
            case None:
                raise SourceUnreachable("the record does not say where the document is; submit it again")

    def _copy(self, objects: ObjectStore, key: str, file: BinaryIO, *, what: str) -> None:
        try:
            with objects.open(key) as stream:
                left = self._limits.max_bytes + 1  # one byte more than allowed is enough to be refused
                while left > 0 and (chunk := stream.read(min(left, _CHUNK_BYTES))):
                    file.write(chunk)
                    left -= len(chunk)
        except NotFound as error:
            raise SourceUnreachable(f"there is no {what}; check its name, or send the document") from error

    def _fail(self, claim: Claim, error: RequestError) -> None:
        _log.warning("fetch_failed", job_id=claim.lease.job_id, code=error.code, reason=error.message)
        self._closing.fail(claim, JobError(code=error.code, message=error.message, retryable=error.retryable))

    def _postpone(self, claim: Claim, reason: str) -> None:
        delay_s = postpone_s(claim.waits)
        _log.warning("fetch_postponed", job_id=claim.lease.job_id, delay_s=round(delay_s, 1), reason=reason)
        answer = self._leases.release(claim.lease, delay_s=delay_s)
        if answer.ring:
            ring_or_leave(self._doorbell, answer.ring)
