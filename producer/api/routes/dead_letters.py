"""Routes of dead letters: jobs that gave up on something that may be tried again with `/v1/jobs/{id}/retry`."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from producer.api.connected import Connected
from producer.api.schemas import ERRORS, DeadLetters
from producer.contract.jobs import DeadLetter

router = APIRouter(prefix="/v1/dead-letters", tags=["dead letters"], responses={**ERRORS})


@router.get("", response_model=DeadLetters)
def dead_letters(producer: Connected, limit: Annotated[int, Query(ge=1, le=1000)] = 100) -> DeadLetters:
    """Jobs that gave up on their document or on a page, newest first."""
    return DeadLetters(dead_letters=producer.dead_letters(limit=limit))


@router.get("/{job_id}", response_model=DeadLetter)
def dead_letter(job_id: str, producer: Connected) -> DeadLetter:
    """One job with the error of each of its failed pages."""
    return producer.dead_letter(job_id)
