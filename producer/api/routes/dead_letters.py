"""Routes of dead letters: jobs that gave up on something that may be tried again with `/v1/jobs/{id}/retry`."""

from __future__ import annotations

from fastapi import APIRouter

from producer.api.connected import Connected
from producer.api.parameters import JobId, Limit, OfOwner
from producer.api.schemas import ERRORS, DeadLetters, refusals
from producer.contract.errors import NotFound
from producer.contract.jobs import DeadLetter

router = APIRouter(prefix="/v1/dead-letters", tags=["dead letters"], responses={**ERRORS})


@router.get("", response_model=DeadLetters)
def dead_letters(producer: Connected, limit: Limit = 100, owner: OfOwner = None) -> DeadLetters:
    """Jobs that gave up on their document or on a page, newest first."""
    return DeadLetters(dead_letters=producer.dead_letters(limit=limit, owner=owner))


@router.get("/{job_id}", response_model=DeadLetter, responses=refusals(NotFound))
def dead_letter(job_id: JobId, producer: Connected) -> DeadLetter:
    """One job with the error of each of its failed pages."""
    return producer.dead_letter(job_id)
