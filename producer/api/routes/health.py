"""Liveness and readiness."""

from __future__ import annotations

from fastapi import APIRouter, Request

from producer.api.connected import Operator
from producer.api.schemas import refusals
from producer.contract.errors import Unavailable

router = APIRouter(tags=["health"])


# A coroutine: it waits for no thread, all of which may be taken.
@router.get("/health/live")
async def live() -> dict[str, str]:
    """The process answers."""
    return {"status": "live"}


@router.get("/health/ready", responses=refusals(Unavailable))
def ready(producer: Operator, request: Request) -> dict[str, str]:
    """Redis takes writes, the object store answers, and nobody stops the service; 503 `unavailable` otherwise."""
    if request.app.state.is_draining():
        raise Unavailable("the service is being stopped; ask another")
    producer.ping()
    return {"status": "ready"}
