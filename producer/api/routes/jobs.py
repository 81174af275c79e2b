"""Jobs: submit, follow, fetch."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, BinaryIO

import structlog
from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import RedirectResponse, StreamingResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent
from starlette.concurrency import iterate_in_threadpool, run_in_threadpool

from producer.api.bodies import submit_body
from producer.api.connected import Connected
from producer.api.description import FILE_ANSWER, SUBMIT_BODY
from producer.api.parameters import FileName, IdempotencyKey, JobId, LastEventId, PageNumber, Redirect
from producer.api.schemas import ERRORS, RESULTS, SUBMITTING, JobQuery, known, refusals
from producer.contract import names
from producer.contract.errors import Expired, NotFound, Unavailable
from producer.contract.jobs import TERMINAL_EVENTS, Job, JobList
from producer.contract.results import DocumentResult, PageResult

_POLL_FIRST_S, _POLL_MAX_S = 0.05, 0.5
_LOOK_S = 5.0  # how often the record is read while nothing happens: a deleted job tells of nothing any more
_CHUNK_BYTES = 1 << 18
_log = structlog.get_logger(__name__)
router = APIRouter(prefix="/v1/jobs", tags=["jobs"], responses={**ERRORS})


def _known_job(job_id: JobId, producer: Connected) -> str:
    """Raises NotFound before the first byte of a stream is sent."""
    return producer.status(job_id).id


KnownJob = Annotated[str, Depends(_known_job)]


@router.post(
    "",
    status_code=202,
    response_model=Job,
    openapi_extra=SUBMIT_BODY,
    responses=SUBMITTING | known(Job, "The job that an idempotency key or `reuse` leads to"),
)
async def submit(
    request: Request, response: Response, producer: Connected, idempotency_key: IdempotencyKey = None
) -> Job:
    """Accept a document: multipart with `file` and an optional `request` part, or JSON with a `source`."""
    async with submit_body(request) as body:
        job, is_new = await run_in_threadpool(body.submit, producer, idempotency_key)
    response.status_code = 202 if is_new else 200
    response.headers["Location"] = job.links.self
    return job


@router.get("", response_model=JobList)
def jobs(producer: Connected, wanted: Annotated[JobQuery, Query()]) -> JobList:
    """Jobs that are kept, newest first. A page may be shorter than `limit`: go on until `next_cursor` is null."""
    return producer.jobs(
        status=wanted.status,
        tag=wanted.tag,
        batch=wanted.batch,
        owner=wanted.owner,
        cursor=wanted.cursor,
        limit=wanted.limit,
    )


@router.get("/{job_id}", response_model=Job, responses=refusals(NotFound))
async def status(
    job_id: JobId, producer: Connected, wait: Annotated[float, Query(ge=0, le=60, description="Seconds")] = 0
) -> Job:
    """The job; with `wait`, as soon as it is terminal or the seconds are over."""
    deadline = time.monotonic() + wait
    pause_s = _POLL_FIRST_S
    job = await run_in_threadpool(producer.status, job_id)
    while not job.status.is_terminal and time.monotonic() < deadline:
        await asyncio.sleep(min(pause_s, max(0.0, deadline - time.monotonic())))
        pause_s = min(pause_s * 1.5, _POLL_MAX_S)
        job = await run_in_threadpool(producer.status, job_id)
    return job


@router.get("/{job_id}/events", response_class=EventSourceResponse, responses=refusals(NotFound))
async def events(
    job_id: KnownJob,
    producer: Connected,
    last_event_id: LastEventId = None,
) -> AsyncIterator[ServerSentEvent]:
    """What happens to the job, as it happens; ends with the job. `Last-Event-ID` resumes without a gap."""
    after, pause_s, look_at = last_event_id or "0", _POLL_FIRST_S, 0.0
    try:
        while True:
            batch = await run_in_threadpool(producer.further_events, job_id, after=after)
            for event in batch:
                after = event.id
                yield ServerSentEvent(id=event.id, event=event.type, data=event.data)
            if batch:
                pause_s, look_at = _POLL_FIRST_S, 0.0 if batch[-1].type in TERMINAL_EVENTS else look_at
            elif time.monotonic() >= look_at:
                if (await run_in_threadpool(producer.status, job_id)).status.is_terminal:
                    return
                look_at = time.monotonic() + _LOOK_S
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 1.5, _POLL_MAX_S)
    except NotFound:
        return  # its answer has begun, so there is no status to send: who comes again is told
    except Unavailable as error:
        _log.warning("events_broken_off", job_id=job_id, reason=error.message)


@router.post("/{job_id}/cancel", response_model=Job, responses=refusals(NotFound))
def cancel(job_id: JobId, producer: Connected) -> Job:
    """Stop the job; a job that has ended stays as it is."""
    return producer.cancel(job_id)


@router.post("/{job_id}/retry", status_code=202, response_model=Job, responses=refusals(NotFound, Expired))
def retry(job_id: JobId, producer: Connected) -> Job:
    """Run an ended job again where it has no result; one that has succeeded or not ended is refused."""
    return producer.retry(job_id)


@router.delete("/{job_id}", status_code=204, responses=refusals(NotFound))
def delete(job_id: JobId, producer: Connected) -> None:
    """Delete the job with everything that was stored for it; a running one stops."""
    producer.delete(job_id)


@router.get("/{job_id}/result", response_model=DocumentResult, responses=RESULTS)
def result(job_id: JobId, producer: Connected) -> Response:
    """The document result."""
    return _streamed(producer.open_result(job_id), "application/json")


@router.get("/{job_id}/pages/{page}", response_model=PageResult, responses=RESULTS)
def page(job_id: JobId, page: PageNumber, producer: Connected) -> Response:
    """One page, counted from 1, as soon as it is done."""
    return Response(producer.page(job_id, page), media_type="application/json")


@router.get("/{job_id}/files/{name}", responses=FILE_ANSWER | refusals(NotFound, Expired))
def file(job_id: JobId, name: FileName, producer: Connected, redirect: Redirect = True) -> Response:
    """A result file: a redirect to the object store, or, from a local one and with `redirect=false`, the bytes."""
    address = producer.locate(job_id, name)
    if address and redirect:
        return RedirectResponse(address, status_code=307)
    return _streamed(producer.open(job_id, name), names.media_type_of(name))


def _streamed(stream: BinaryIO, media_type: str) -> Response:
    return StreamingResponse(iterate_in_threadpool(_chunks(stream)), media_type=media_type)


def _chunks(stream: BinaryIO) -> Iterator[bytes]:
    with stream:
        while chunk := stream.read(_CHUNK_BYTES):
            yield chunk
