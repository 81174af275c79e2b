"""Liveness and readiness."""

from __future__ import annotations

from fastapi import APIRouter, Request

from producer.direct import Producer

router = APIRouter(tags=["health"])


@router.get("/health/live")
def live() -> dict[str, str]:
    """The process answers."""
    return {"status": "live"}


@router.get("/health/ready")
def ready(request: Request) -> dict[str, str]:
    """Redis and the object store answer; 503 `unavailable` otherwise."""
    producer: Producer = request.app.state.producer
    producer.ping()
    return {"status": "ready"}
