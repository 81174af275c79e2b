"""Liveness and readiness."""

from __future__ import annotations

from fastapi import APIRouter

from producer.api.connected import Operator
from producer.api.schemas import refusals
from producer.contract.errors import Unavailable

router = APIRouter(tags=["health"])


@router.get("/health/live")
def live() -> dict[str, str]:
    """The process answers."""
    return {"status": "live"}


@router.get("/health/ready", responses=refusals(Unavailable))
def ready(producer: Operator) -> dict[str, str]:
    """Redis takes writes and the object store answers; 503 `unavailable` otherwise."""
    producer.ping()
    return {"status": "ready"}
