"""The producer's use cases: submit a document, follow its job, fetch its results."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO

from producer.batches import Document, accept_batch
from producer.contract import names
from producer.contract.batches import Batch, batch_of
from producer.contract.changes import Changes
from producer.contract.errors import Forbidden, InvalidRequest, NotFound, NotServed, Unavailable, WaitTimeout
from producer.contract.fleet import FleetView, ScaleDecision
from producer.contract.jobs import DeadLetter, Event, Job, JobList, JobRecord, JobRequest, JobState
from producer.contract.keys import CreatedKey, KeyList, KeyRequest, Tenant, parse_owner
from producer.contract.leases import SubmitOutcome, Submitted
from producer.contract.listing import PAGE_MAX, JobFilter, parse_states
from producer.contract.measures import Observed
from producer.contract.ports import JobStore, ObjectStore, Queue
from producer.contract.sources import Remote
from producer.contract.webhooks import DeliveryRecord
from producer.fleet import fleet_view
from producer.intake import Intake, ProducerLimits, Submission, put_manifest
from producer.keyring import KeyRing
from producer.patience import patient_look
from producer.remote import parse_remote
from producer.requests import parse_request
from producer.source import opened_source
from producer.stored import StoredResults
from producer.tracing import record_step
from producer.uploads import Uploads

_DEAD_MAX = 1000


class Producer:
    """Submit and follow jobs. Safe to share between threads.

    tenant: whose jobs these are; those of others are not found. None is the operator, who reaches every job, and whose
    own have the owner ''.

    Every method but `wait` raises `Unavailable` (retryable) while Redis or the object store does not answer.
    """

    def __init__(
        self,
        store: JobStore,
        objects: ObjectStore,
        queue: Queue,
        limits: ProducerLimits,
        *,
        tenant: Tenant | None = None,
    ) -> None:
        self.keys = KeyRing(store.keys, objects)
        self._tenant = tenant or Tenant()
        self._owner = tenant.owner if tenant else None
        self._limits = limits
        self._store = store
        self._jobs = store.jobs
        self._objects = objects
        self._stored = StoredResults(objects=objects)
        self._queue = queue
        self._intake = Intake(jobs=store.jobs, objects=objects, doorbell=queue, limits=limits)

    def of(self, tenant: Tenant) -> Producer:
        """The same for the jobs of one owner, over the same connections; only the first is to be closed."""
        return Producer(self._store, self._objects, self._queue, self._limits, tenant=tenant)

    def through(self, wrap: Callable[[ObjectStore], ObjectStore]) -> Producer:
        """The same with its object store wrapped, over the same connections; only the first is to be closed."""
        return Producer(self._store, wrap(self._objects), self._queue, self._limits)

    def close(self) -> None:
        self._queue.close()
        self._store.close()

    def ping(self) -> None:
        """Raises: Unavailable unless Redis and the store both answer."""
        self._store.ping()
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
        """Accept one document: a path, its bytes, a seekable stream, or an address (`https://`, `s3://`).

        The `request`, or its fields by name. What is at an address is fetched later: then only can the job fail of it.
        Raises: InvalidRequest, TooLarge, UnsupportedMedia, SourceForbidden, IdempotencyMismatch, RateLimited.
        """
        parsed = request or parse_request(fields)
        remote = parse_remote(source) if isinstance(source, str) else None
        if remote is not None:
            return self.submit_remote(remote, parsed, idempotency_key=idempotency_key)[0]
        if isinstance(source, str | Path):
            filename = filename or Path(source).name
        with opened_source(source) as stream:
            return self.submit_request(stream, parsed, filename=filename, idempotency_key=idempotency_key)[0]

    def submit_request(
        self,
        stream: BinaryIO,
        request: JobRequest,
        *,
        filename: str | None,
        idempotency_key: str | None,
    ) -> tuple[Job, bool]:
        """`submit` for a parsed request: the job, and whether it is new."""
        began_ns = time.time_ns()
        submission = self._submission(request, idempotency_key)
        return self._accepted(self._intake.accept(stream, submission, filename=filename), began_ns)

    def submit_remote(
        self, remote: Remote, request: JobRequest, *, idempotency_key: str | None = None
    ) -> tuple[Job, bool]:
        """`submit` for a document that is elsewhere: the job, and whether it is new."""
        began_ns = time.time_ns()
        submission = self._submission(request, idempotency_key)
        return self._accepted(self._intake.accept_remote(remote, submission), began_ns)

    def submit_batch(
        self, sources: Sequence[Remote | Document], request: JobRequest, *, idempotency_key: str | None = None
    ) -> tuple[Batch, bool]:
        """A job of each source, all or none: the batch, and whether anything of it is new."""
        submission = self._submission(request, idempotency_key)
        batch_id, is_new = accept_batch(self._intake, sources, submission)
        return self.batch(batch_id), is_new

    def batch(self, batch_id: str) -> Batch:
        """How far the jobs of a batch are. Raises: NotFound: there is none, or none of its jobs is kept."""
        counts = self._jobs.batch(self._tenant.owner, batch_id) if names.JOB_ID.fullmatch(batch_id) else {}
        if not any(counts.values()):
            raise NotFound(f"there is no batch {batch_id[:64]!r}, or all of its jobs have passed their retention time")
        return batch_of(batch_id, counts)

    @property
    def uploads(self) -> Uploads:
        """The uploads of the owner."""
        limits = self._limits
        return Uploads(
            objects=self._objects,
            owner=self._tenant.owner,
            ttl_s=limits.upload_ttl_s,
            max_bytes=limits.max_file_bytes,
        )

    def status(self, job_id: str) -> Job:
        """Raises: NotFound."""
        return self._record(job_id).job

    def wait(self, job_id: str, *, timeout_s: float = 3600) -> Job:
        """The job once it is terminal; an interruption is waited out. Raises: NotFound, WaitTimeout, Unavailable."""
        deadline = time.monotonic() + timeout_s
        pause_s = 0.02
        while not (job := patient_look(lambda: self.status(job_id), deadline=deadline)).status.is_terminal:
            if time.monotonic() >= deadline:
                raise WaitTimeout(f"job {job_id} is {job.status} after {timeout_s:g} s; it goes on, wait again")
            time.sleep(pause_s)
            pause_s = min(pause_s * 1.5, 0.5)
        return job

    def events(self, job_id: str, *, after: str = "0") -> list[Event]:
        """What happened to the job after the event with id `after`, oldest first. Raises: NotFound."""
        self._record(job_id)
        return self._jobs.events(job_id, after=after)

    def further_events(self, job_id: str, *, after: str) -> list[Event]:
        """`events` of a job that the caller has looked up before: one read, for those who ask twice a second."""
        return self._jobs.events(job_id, after=after)

    def jobs(
        self,
        *,
        status: Sequence[JobState | str] = (),
        tag: str | None = None,
        batch: str | None = None,
        owner: str | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> JobList:
        """Jobs that are kept, newest first: in one of the states of `status` (none: any), with `tag` or of
        `batch` (None: any; not both), of `owner` (None: one's own).

        cursor: the `next_cursor` of the page before. A page may be shorter than `limit`: go on until that is None.
        Raises: InvalidRequest; Forbidden: another owner's are for the operator and for admins.
        """
        if cursor is not None and not names.JOB_ID.fullmatch(cursor):
            raise InvalidRequest("cursor: give the next_cursor of the page before, unchanged")
        if not 1 <= limit <= PAGE_MAX:
            raise InvalidRequest(f"limit: ask for 1 to {PAGE_MAX} jobs")
        if tag is not None and batch is not None:
            raise InvalidRequest("name a tag or a batch, not both")
        wanted = JobFilter(owner=self._listed(owner), states=parse_states(status), tag=tag, batch=batch)
        page = self._jobs.page_of(wanted, after=cursor, limit=limit)
        return JobList(jobs=tuple(record.job for record in page.records), next_cursor=page.cursor)

    def changes(self, *, after: str | None) -> Changes:
        """Jobs that have changed since the position `after`; None: the position to go on from."""
        return self._jobs.changes(after=after, owner=self._owner)

    def cancel(self, job_id: str) -> Job:
        """Stop the job: at once when it waits, within a page when it runs. Raises: NotFound."""
        self._jobs.cancel(self._record(job_id).job.id)
        record = self._record(job_id)
        if record.job.status is JobState.CANCELLED:
            put_manifest(self._objects, record)
        return record.job

    def retry(self, job_id: str) -> Job:
        """Run an ended job again: the pages that failed, or the whole. Raises: NotFound, InvalidRequest, Expired."""
        ring = self._jobs.retry(self._record(job_id).job.id)
        record = self._record(job_id)
        put_manifest(self._objects, record)
        self._intake.ring(ring)
        return record.job

    def delete(self, job_id: str) -> None:
        """Delete the job with everything that was stored for it; a running one stops. Raises: NotFound.

        The record goes first: a worker that still writes finds its lease stale, and takes its objects with it.
        Without a record there may still be objects: of a deletion during which the store did not answer. Those of a
        job that was lost with Redis are the operator's alone to delete.
        """
        try:
            self._jobs.forget(self._record(job_id).job.id)
        except NotFound:
            is_gone = names.JOB_ID.fullmatch(job_id) and (self._owner is None or self._jobs.was_forgotten(job_id))
            if is_gone and self._objects.delete(names.job_prefix(job_id)):
                return
            raise
        self._objects.delete(names.job_prefix(job_id))

    def dead_letters(self, *, limit: int = 100, owner: str | None = None) -> list[Job]:
        """Jobs that gave up on a document or a page and may be run again with `retry`, newest first.

        owner: whose; None: one's own, for the operator everybody's. Raises: as `jobs`.
        """
        whose = self._owner if owner is None else self._listed(owner)
        found = []
        for job_id in self._jobs.dead(limit=min(limit, _DEAD_MAX), owner=whose):
            try:
                found.append(self._jobs.get(job_id).job)
            except NotFound:
                continue  # past its retention; the sweep takes it off the list
        return found

    def dead_letter(self, job_id: str) -> DeadLetter:
        """One job with the error of each of its failed pages. Raises: NotFound."""
        job = self.status(job_id)
        pages = {page: error for page, error in sorted(self._jobs.pages(job_id).items()) if error}
        return DeadLetter(job=job, pages=pages)

    def create_key(self, wanted: KeyRequest) -> CreatedKey:
        """A new API key; its secret is in the answer and nowhere else."""
        return self.keys.create(wanted)

    def list_keys(self) -> KeyList:
        """Every API key, oldest first."""
        return KeyList(keys=self.keys.all())

    def revoke_key(self, key_id: str) -> None:
        """From now on the API key is refused. Raises: NotFound."""
        self.keys.revoke(key_id)

    def deliveries(self, job_id: str) -> list[DeliveryRecord]:
        """The webhook deliveries of a job, oldest first. Raises: NotFound."""
        self._record(job_id)
        return self._store.outbox.deliveries(job_id)

    def redeliver(self, event_id: str) -> DeliveryRecord:
        """Deliver a webhook again, now. Raises: NotFound, InvalidRequest."""
        match = names.EVENT_ID.fullmatch(event_id)
        if not match:
            raise NotFound(f"{event_id[:80]!r} is not the id of a delivery")
        self._record(match["job_id"])
        self._store.outbox.redeliver(event_id)
        return next(one for one in self._store.outbox.deliveries(match["job_id"]) if one.id == event_id)

    def fleet(self) -> FleetView:
        """The workers, the work that waits for them, and what they got done in the last hour."""
        fleet = self._store.fleet
        desired = {decision.kind: decision.desired_workers for decision in fleet.decisions()}
        return fleet_view(fleet.workers(), fleet.load(), desired)

    def observed(self) -> Observed:
        """All that metrics are made of."""
        fleet = self._store.fleet
        return Observed(
            workers=fleet.workers(),
            load=fleet.load(),
            decisions=fleet.decisions(),
            counts=fleet.counts(),
            webhooks=self._store.outbox.backlog(),
        )

    def scale_of(self, kind: str) -> ScaleDecision:
        """How many workers a kind of device should have. Raises: NotFound; Unavailable: nobody says so now."""
        if kind not in names.DEVICE_KINDS:
            raise NotFound(f"{kind[:32]!r} is no kind of device; known are {', '.join(names.DEVICE_KINDS)}")
        for decision in self._store.fleet.decisions():
            if decision.kind == kind:
                return decision
        raise Unavailable(f"nobody decides for {kind}: start an io worker with {kind} in OCRFLEET_AUTOSCALE_KINDS")

    def result(self, job_id: str) -> bytes:
        """The document result as JSON. Raises: NotFound, NotFinished, JobFailed, Expired."""
        with self.open_result(job_id) as stream:
            return stream.read()

    def open_result(self, job_id: str) -> BinaryIO:
        """The same as a stream, which the caller closes: a long document has a large one. Raises: as `result`."""
        return self._stored.open_result(self.status(job_id))

    def page(self, job_id: str, page: int) -> bytes:
        """One page's JSON as soon as it is done; pages count from 1. Raises: NotFound, NotFinished, Expired."""
        return self._stored.page(self.status(job_id), page)

    def locate(self, job_id: str, name: str, *, expires_s: int = 600) -> str | None:
        """An address to fetch a result file from, or None when the store has none: then `open`.

        Raises: NotFound, Expired.
        """
        return self._stored.locate(self.status(job_id), name, expires_s=expires_s)

    def open(self, job_id: str, name: str) -> BinaryIO:
        """A result file, to be closed by the caller. Raises: NotFound."""
        return self._stored.open(self.status(job_id), name)

    def download(self, job_id: str, name: str, target: Path) -> None:
        """Write a result file to `target`. Raises: NotFound."""
        with self.open(job_id, name) as stream, target.open("wb") as file:
            shutil.copyfileobj(stream, file)

    def _submission(self, request: JobRequest, idempotency_key: str | None) -> Submission:
        """Raises: NotServed."""
        if self._limits.refuses_unserved:
            self._check_served(request.device)
        return Submission(request=request, tenant=self._tenant, idempotency_key=idempotency_key)

    def _accepted(self, submitted: Submitted, began_ns: int) -> tuple[Job, bool]:
        self._intake.ring(submitted.ring)
        record_step("submit", submitted.job_id, began_ns=began_ns, outcome=submitted.outcome)
        return self.status(submitted.job_id), submitted.outcome is SubmitOutcome.CREATED

    def _check_served(self, device: str) -> None:
        """Raises: NotServed."""
        devices = {worker.device for worker in self._store.fleet.workers()}
        if not any(names.queue_of(device) in names.queues_served_by(one) for one in devices):
            known = ", ".join(sorted(devices)) or "none"
            raise NotServed(f"no worker serves device={device!r}; devices with workers: {known}")

    def _listed(self, owner: str | None) -> str:
        """Whose jobs are to be listed. Raises: InvalidRequest, Forbidden."""
        whose = self._tenant.owner if owner is None else parse_owner(owner)
        if whose != self._tenant.owner and self._owner is not None and not self._tenant.is_admin:
            raise Forbidden("the jobs of another owner are listed for admins only: use a key with read and admin")
        return whose

    def _record(self, job_id: str) -> JobRecord:
        """A job of the owner; the only way to one. Anything but an id in its one form never reaches a key."""
        if not names.JOB_ID.fullmatch(job_id):
            raise NotFound(f"{job_id[:64]!r} is not a job id")
        record = self._jobs.get(job_id)
        if self._owner not in (None, record.owner):  # said as of one that is not there: ids are nobody else's business
            raise NotFound(f"there is no job {job_id}; its record may have passed its retention time")
        return record
