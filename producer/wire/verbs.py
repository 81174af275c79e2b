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
from producer.contract.listing import parse_states
from producer.contract.results import DocumentResult, PageResult
from producer.contract.sources import RemoteSource, Upload, UploadSource
from producer.contract.webhooks import DeliveryRecord
from producer.patience import Patience
from producer.remote import parse_remote, remote_of
from producer.requests import check_idempotency_key, parse_request
from producer.source import opened_source
from producer.wire.calls import POLL_S, Answer, Call, Param, Part, Pause, Steps, parsed, send
from producer.wire.paths import (
    batch_path,
    checked_job_id,
    dead_letter_path,
    delivery_path,
    file_path,
    job_path,
    key_path,
    page_path,
)
from producer.wire.streams import Counted, SendProgress

_KEY_HEADER, _IDEMPOTENCY_KEY = "Idempotency-Key", "idempotency_key"
_BYTES = "application/octet-stream"
_STORING_S = 20.0  # what is sent is stored before it is answered
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
    one is made up, so that a submission whose answer was lost can be repeated; an error that passes has it among its
    details, as `idempotency_key`.
    """
    asked = (request or parse_request(fields)).model_dump_json(exclude_defaults=True)
    headers = _idempotency(idempotency_key)
    if isinstance(source, str):
        source = parse_remote(source) or source
    if isinstance(source, RemoteSource):
        return (yield from _submit_remote(source, asked, headers))
    filename = _name_of(source, filename)
    with opened_source(source) as stream:
        files: dict[str, Part] = {
            "file": (filename or "document", Counted(stream, progress), "application/octet-stream"),
            "request": (None, asked, "application/json"),
        }
        call = Call(method="POST", url="/v1/jobs", files=files, headers=headers, holds_s=_STORING_S)
        answer = yield from _send_repeatable(call)
    return parsed(Job, answer.content)


def upload(
    source: str | Path | bytes | BinaryIO, *, filename: str | None = None, progress: SendProgress | None = None
) -> Steps[UploadSource]:
    """Send a large document to the object store, and get the source to submit it as."""
    filename = _name_of(source, filename)
    with opened_source(source) as stream:
        place = parsed(Upload, (yield from send(Call(method="POST", url="/v1/uploads"))).content)
        content = Counted(stream, progress)
        headers = {"Content-Type": _BYTES, "Content-Length": str(content.size_bytes)} | place.headers
        call = Call(method=place.method, url=place.url, headers=headers, content=content, holds_s=_STORING_S)
        yield from send(call)
    return UploadSource(upload_id=place.upload_id, filename=filename)


def submit_batch(
    sources: Sequence[RemoteSource | str],
    request: JobRequest | None = None,
    *,
    idempotency_key: str | None = None,
    **fields: object,
) -> Steps[Batch]:
    """A job of each source or address, up to 10,000, all or none.

    With an idempotency key those that were made stay when one is refused, and the same call goes on where it was.
    Without one it is not sent again when its answer was lost: look for its jobs first.
    """
    asked = (request or parse_request(fields)).model_dump(mode="json", exclude_defaults=True)
    body = asked | {"sources": [remote_of(source).model_dump(mode="json") for source in sources]}
    # None is made up: under a key a batch that is refused stays in part.
    headers = _idempotency(idempotency_key) if idempotency_key else {}
    is_safe = bool(headers)
    call = Call(method="POST", url="/v1/batches", json=body, headers=headers, holds_s=_STORING_S, is_safe=is_safe)
    answer = yield from send(call)
    return parsed(Batch, answer.content)


def batch(batch_id: str) -> Steps[Batch]:
    """How far the jobs of a batch are."""
    return parsed(Batch, (yield from _get(batch_path(batch_id))).content)


def status(job_id: str) -> Steps[Job]:
    """The job as it is now."""
    return parsed(Job, (yield from _get(job_path(job_id))).content)


def wait(job_id: str, *, timeout_s: float = 3600) -> Steps[Job]:
    """The job once it is terminal; an interruption is waited out. Raises: WaitTimeout, Unavailable, in this time."""
    deadline = time.monotonic() + timeout_s
    patience = Patience(deadline)
    while True:
        poll_s = max(0.0, min(POLL_S, deadline - time.monotonic()))
        look = Call(
            method="GET",
            url=job_path(job_id),
            params={"wait": poll_s},
            holds_s=poll_s,
            within_s=patience.within_s,
        )
        try:
            job = parsed(Job, (yield from send(look, tries=1)).content)
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
    wanted: dict[str, Param] = {"status": [str(one) for one in parse_states(status)], "limit": limit}
    chosen = {"tag": tag, "batch": batch, "owner": owner, "cursor": cursor}
    wanted |= {name: value for name, value in chosen.items() if value is not None}
    return parsed(JobList, (yield from _get("/v1/jobs", **wanted)).content)


def cancel(job_id: str) -> Steps[Job]:
    """Stop the job; one that has ended stays as it is."""
    return parsed(Job, (yield from send(Call(method="POST", url=f"{job_path(job_id)}/cancel"))).content)


def retry(job_id: str) -> Steps[Job]:
    """Run an ended job again: the pages that failed, or the whole."""
    call = Call(method="POST", url=f"{job_path(job_id)}/retry", is_safe=False)
    return parsed(Job, (yield from send(call)).content)


def delete(job_id: str) -> Steps[None]:
    """Delete the job with everything that was stored for it."""
    yield from send(Call(method="DELETE", url=job_path(job_id), is_safe=False))


def result(job_id: str) -> Steps[bytes]:
    """The document result as JSON."""
    return (yield from _get(f"{job_path(job_id)}/result")).content


def document(job_id: str) -> Steps[DocumentResult]:
    """The document result."""
    return parsed(DocumentResult, (yield from result(job_id)))


def page(job_id: str, page: int) -> Steps[bytes]:
    """One page's JSON, as soon as it is done; pages count from 1."""
    return (yield from _get(page_path(job_id, page))).content


def page_result(job_id: str, page: int) -> Steps[PageResult]:
    """One page, as soon as it is done; pages count from 1."""
    answer = yield from _get(page_path(job_id, page))
    return parsed(PageResult, answer.content)


def download(job_id: str, name: str, target: Path) -> Steps[None]:
    """Write a result file to `target`, whole or not at all, following one redirect to the object store."""
    at = file_path(job_id, name)
    unfinished = target.with_name(f".{target.name}.unfinished")
    try:
        with unfinished.open("wb") as file:
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
    return parsed(DeadLetter, (yield from _get(dead_letter_path(job_id))).content)


def deliveries(job_id: str) -> Steps[list[DeliveryRecord]]:
    """The webhook deliveries of a job, oldest first."""
    answer = yield from _get("/v1/webhook-deliveries", job_id=checked_job_id(job_id))
    return parsed(_Deliveries, answer.content).deliveries


def redeliver(event_id: str) -> Steps[DeliveryRecord]:
    """Deliver a webhook again, now."""
    answer = yield from send(Call(method="POST", url=f"{delivery_path(event_id)}/redeliver"))
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
    yield from send(Call(method="DELETE", url=key_path(key_id), is_safe=False))


def fleet() -> Steps[FleetView]:
    """The workers, the work that waits for them, and what they got done in the last hour."""
    return parsed(FleetView, (yield from _get("/v1/fleet")).content)


def _name_of(source: object, filename: str | None) -> str | None:
    """What a file is called, as text: a name on disk need not be any."""
    name = filename or (Path(source).name if isinstance(source, str | Path) else None)
    return name and name.encode(errors="replace").decode()


def _idempotency(key: str | None) -> dict[str, str]:
    """The header of a key, or of one that is made up. Raises: InvalidRequest."""
    if key:
        check_idempotency_key(key)
    return {_KEY_HEADER: key or uuid_utils.uuid4().hex}


def _submit_remote(remote: RemoteSource, asked: str, headers: dict[str, str]) -> Steps[Job]:
    body = json.loads(asked) | {"source": remote.model_dump(mode="json")}
    call = Call(method="POST", url="/v1/jobs", json=body, headers=headers, holds_s=_STORING_S)
    return parsed(Job, (yield from _send_repeatable(call)).content)


def _send_repeatable(call: Call) -> Steps[Answer]:
    """`send` with the key in the details of an error: with it the caller can repeat what may have been done."""
    try:
        return (yield from send(call))
    except errors.OcrFleetError as error:
        if error.retryable:
            error.details[_IDEMPOTENCY_KEY] = call.headers[_KEY_HEADER]
        raise


def _get(path: str, **params: Param) -> Steps[Answer]:
    return (yield from send(Call(method="GET", url=path, params=params)))
