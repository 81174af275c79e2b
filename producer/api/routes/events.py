"""What happens to every job that the caller may see, as one stream of server-sent events."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.sse import EventSourceResponse, ServerSentEvent
from starlette.concurrency import run_in_threadpool

from producer.api.connected import Connected, Stopping
from producer.api.parameters import LastEventId
from producer.api.schemas import ERRORS
from producer.contract.errors import Unavailable

# However often a job changes, a watcher is told of it this often.
_PAUSE_S = 0.2
_FLEET_S = 2.0
router = APIRouter(prefix="/v1/events", tags=["events"], responses={**ERRORS})


@router.get("", response_class=EventSourceResponse)
async def events(
    producer: Connected,
    is_stopping: Stopping,
    fleet: Annotated[bool, Query(description="Also `fleet` every two seconds: what `GET /v1/fleet` answers")] = False,
    last_event_id: LastEventId = None,
) -> AsyncIterator[ServerSentEvent]:
    """`open` at once, then `job` with `{"job": …}` when one has changed, `deleted` with `{"id": …}` when one is gone.

    `Last-Event-ID` resumes; who was away for more than an hour, or 10,000 changes, reads the list anew.
    """
    try:
        position = last_event_id or (await run_in_threadpool(producer.changes, after=None)).position
        yield ServerSentEvent(event="open", id=position, data={"resumed": last_event_id is not None})
        fleet_due = 0.0
        while not is_stopping():
            if fleet and time.monotonic() >= fleet_due:
                fleet_due = time.monotonic() + _FLEET_S
                yield ServerSentEvent(event="fleet", data=await run_in_threadpool(producer.fleet))
            changes = await run_in_threadpool(producer.changes, after=position)
            position = changes.position
            for change in changes.jobs:
                # Only the last one moves the caller's position: it may leave in the middle.
                reached = position if change is changes.jobs[-1] else None
                if change.record:
                    yield ServerSentEvent(event="job", id=reached, data={"job": change.record.job})
                else:
                    yield ServerSentEvent(event="deleted", id=reached, data={"id": change.job_id})
            await asyncio.sleep(_PAUSE_S)
    except Unavailable:
        return  # its answer has begun, so there is no status to send: the watcher comes again, and is told 503
