"""What the clients can do, each verb once: its calls, and what it makes of their answers."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import uuid_utils
from pydantic import BaseModel

from producer.contract import errors
from producer.contract.batches import Batch
from producer.contract.fleet import FleetView
from producer.contract.jobs import DeadLetter, Job, JobList, JobRequest, JobState
from producer.contract.keys import CreatedKey, KeyList, KeyRequest
from producer.contract.results import DocumentResult, PageResult
from producer.contract.sources import RemoteSource, Upload, UploadSource
from producer.contract.webhooks import DeliveryRecord
from producer.patience import Patience
from producer.remote import parse_remote
from producer.requests import parse_request
from producer.source import opened_source
from producer.wire.calls import Answer, Call, Param, Part, Pause, Steps, parsed, send
from producer.wire.streams import Counted, SendProgress

_BYTES = "application/octet-stream"
POLL_S = 20.0  # one long poll; below the idle timeouts of common proxies
Source = str | Path | bytes | BinaryIO | RemoteSource


class _DeadLetters(BaseModel):
    dead_letters: list[Job]


class _Deliveries(BaseModel):
    deliveries: list[DeliveryRecord]


def submit(
    source: Source,
    request: JobRequest | None = None,
    *,
    filename: str | None = None,
    idempotency_key: str | None = None,
    progress: SendProgress | None = None,
    **fields: object,
) -> Steps[Job]:
    """Send one document: a path, its bytes, a seekable stream, or an address (`https://`, `s3://`).

    The `request`, or its fields by name. progress: told of the bytes sent and their number. Without an idempotency key
    one is made up, so that a submission whose answer was lost can be repeated.
    """
    asked = (request or parse_request(fields)).model_dump_json(exclude_defaults=True)
    headers = {"Idempotency-Key": idempotency_key or uuid_utils.uuid4().hex}
    if isinstance(source, str):
        source = parse_remote(source) or source
    if isinstance(source, RemoteSource):
        return (yield from _submit_remote(source, asked, headers))
    filename = filename or _name_of(source)
    with opened_source(source) as stream:
        files: dict[str, Part] = {
            "file": (filename or "document", Counted(stream, progress), "application/octet-stream"),
            "request": (None, asked, "application/json"),
        }
        answer = yield from send(Call(method="POST", url="/v1/jobs", files=files, headers=headers))
    return parsed(Job, answer.content)


def upload(
    source: str | Path | bytes | BinaryIO, *, filename: str | None = None, progress: SendProgress | None = None
) -> Steps[UploadSource]:
    """Send a large document to the object store, and get the source to submit it as."""
    filename = filename or _name_of(source)
    answer = yield from send(Call(method="POST", url="/v1/uploads"))
    place = parsed(Upload, answer.content)
    with opened_source(source) as stream:
        content = Counted(stream, progress)
        headers = {"Content-Type": _BYTES, "Content-Length": str(content.size_bytes)} | place.headers
        yield from send(Call(method=place.method, url=place.url, headers=headers, content=content))
    return UploadSource(upload_id=place.upload_id, filename=filename)


def submit_batch(
    sources: Sequence[RemoteSource],
    request: JobRequest | None = None,
    *,
    idempotency_key: str | None = None,
    **fields: object,
) -> Steps[Batch]:
    """A job of each source, up to 10,000, all or none."""
    asked = (request or parse_request(fields)).model_dump(mode="json", exclude_defaults=True)
    body = asked | {"sources": [source.model_dump(mode="json") for source in sources]}
    headers = {"Idempotency-Key": idempotency_key or uuid_utils.uuid4().hex}
    answer = yield from send(Call(method="POST", url="/v1/batches", json=body, headers=headers))
    return parsed(Batch, answer.content)


def batch(batch_id: str) -> Steps[Batch]:
    """How far the jobs of a batch are."""
    return parsed(Batch, (yield from _get(f"/v1/batches/{batch_id}")).content)


def status(job_id: str) -> Steps[Job]:
    """The job as it is now."""
    return parsed(Job, (yield from _get(f"/v1/jobs/{job_id}")).content)


def wait(job_id: str, *, timeout_s: float = 3600) -> Steps[Job]:
    """The job once it is terminal; an interruption is waited out. Raises: WaitTimeout, Unavailable."""
    deadline = time.monotonic() + timeout_s
    patience = Patience(deadline)
    while True:
        poll_s = max(0.0, min(POLL_S, deadline - time.monotonic()))
        try:
            answer = yield from _get(f"/v1/jobs/{job_id}", wait=poll_s)
            job = parsed(Job, answer.content)
        except errors.OcrFleetError as error:
            yield Pause(seconds=patience.pause_s(error))
            continue
        patience = Patience(deadline)
        if job.status.is_terminal:
            return job
        if time.monotonic() >= deadline:
            raise errors.WaitTimeout(f"job {job_id} is {job.status} after {timeout_s:g} s; it goes on, wait again")


def jobs(
    *,
    status: Sequence[JobState | str] = (),
    tag: str | None = None,
    batch: str | None = None,
    owner: str | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> Steps[JobList]:
    """Jobs that are kept, newest first; a page may be shorter than `limit`: go on until `next_cursor` is None.

    owner: whose; None: those of the key's own. Raises: Forbidden: another's are for admins.
    """
    wanted: dict[str, Param] = {"status": [str(one) for one in status], "limit": limit}
    chosen = {"tag": tag, "batch": batch, "owner": owner, "cursor": cursor}
    wanted |= {name: value for name, value in chosen.items() if value is not None}
    return parsed(JobList, (yield from _get("/v1/jobs", **wanted)).content)


def cancel(job_id: str) -> Steps[Job]:
    """Stop the job; one that has ended stays as it is."""
    return parsed(Job, (yield from send(Call(method="POST", url=f"/v1/jobs/{job_id}/cancel"))).content)


def retry(job_id: str) -> Steps[Job]:
    """Run an ended job again: the pages that failed, or the whole."""
    call = Call(method="POST", url=f"/v1/jobs/{job_id}/retry", is_safe=False)
    return parsed(Job, (yield from send(call)).content)


def delete(job_id: str) -> Steps[None]:
    """Delete the job with everything that was stored for it."""
    yield from send(Call(method="DELETE", url=f"/v1/jobs/{job_id}", is_safe=False))


def result(job_id: str) -> Steps[bytes]:
    """The document result as JSON."""
    return (yield from _get(f"/v1/jobs/{job_id}/result")).content


def document(job_id: str) -> Steps[DocumentResult]:
    """The document result."""
    return parsed(DocumentResult, (yield from result(job_id)))


def page(job_id: str, page: int) -> Steps[bytes]:
    """One page's JSON, as soon as it is done; pages count from 1."""
    return (yield from _get(f"/v1/jobs/{job_id}/pages/{page}")).content


def page_result(job_id: str, page: int) -> Steps[PageResult]:
    """One page, as soon as it is done; pages count from 1."""
    answer = yield from _get(f"/v1/jobs/{job_id}/pages/{page}")
    return parsed(PageResult, answer.content)


def download(job_id: str, name: str, target: Path) -> Steps[None]:
    """Write a result file to `target`, whole or not at all, following one redirect to the object store."""
    unfinished = target.with_name(f".{target.name}.unfinished")
    try:
        with unfinished.open("wb") as file:
            at = f"/v1/jobs/{job_id}/files/{name}"
            answer = yield from send(Call(method="GET", url=at, target=file, leads_on=True))
            if answer.status >= 300:
                # The presigned address carries its own right to read; our key is not sent to the store.
                yield from send(Call(method="GET", url=answer.headers["location"], target=file))
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)


def dead_letters(*, limit: int = 100, owner: str | None = None) -> Steps[list[Job]]:
    """Jobs that gave up on something that may be tried again, newest first. owner: as with `jobs`."""
    whose: dict[str, Param] = {} if owner is None else {"owner": owner}
    answer = yield from _get("/v1/dead-letters", limit=limit, **whose)
    return parsed(_DeadLetters, answer.content).dead_letters


def dead_letter(job_id: str) -> Steps[DeadLetter]:
    """One job with the error of each of its failed pages."""
    return parsed(DeadLetter, (yield from _get(f"/v1/dead-letters/{job_id}")).content)


def deliveries(job_id: str) -> Steps[list[DeliveryRecord]]:
    """The webhook deliveries of a job, oldest first."""
    answer = yield from _get("/v1/webhook-deliveries", job_id=job_id)
    return parsed(_Deliveries, answer.content).deliveries


def redeliver(event_id: str) -> Steps[DeliveryRecord]:
    """Deliver a webhook again, now."""
    answer = yield from send(Call(method="POST", url=f"/v1/webhook-deliveries/{event_id}/redeliver"))
    return parsed(DeliveryRecord, answer.content)


def create_key(wanted: KeyRequest) -> Steps[CreatedKey]:
    """A new API key; its secret is in the answer and nowhere else."""
    body = wanted.model_dump(mode="json", exclude_defaults=True)
    answer = yield from send(Call(method="POST", url="/v1/keys", json=body, is_safe=False))
    return parsed(CreatedKey, answer.content)


def list_keys() -> Steps[KeyList]:
    """Every API key, oldest first."""
    return parsed(KeyList, (yield from _get("/v1/keys")).content)


def revoke_key(key_id: str) -> Steps[None]:
    """From now on the API key is refused."""
    yield from send(Call(method="DELETE", url=f"/v1/keys/{key_id}", is_safe=False))


def fleet() -> Steps[FleetView]:
    """The workers, the work that waits for them, and what they got done in the last hour."""
    return parsed(FleetView, (yield from _get("/v1/fleet")).content)


def _name_of(source: object) -> str | None:
    """What a file is called, as text: a name on disk need not be any."""
    return Path(source).name.encode(errors="replace").decode() if isinstance(source, str | Path) else None


def _submit_remote(remote: RemoteSource, asked: str, headers: dict[str, str]) -> Steps[Job]:
    body = json.loads(asked) | {"source": remote.model_dump(mode="json")}
    answer = yield from send(Call(method="POST", url="/v1/jobs", json=body, headers=headers))
    return parsed(Job, answer.content)


def _get(path: str, **params: Param) -> Steps[Answer]:
    return (yield from send(Call(method="GET", url=path, params=params)))
