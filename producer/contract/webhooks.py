"""Webhook messages: Standard Webhooks ids, bodies and the retry schedule."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pydantic import Field

from producer.contract.jobs import Job
from producer.contract.strict import Strict

# Standard Webhooks 1.0: seconds to wait before attempt 1, 2, 3, ... ; after the last the delivery is given up.
SCHEDULE_S = (0, 5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)


class DeliveryState(StrEnum):
    """Where a delivery is."""

    PENDING = "pending"  # due, or waiting for its next attempt
    DELIVERED = "delivered"
    GIVEN_UP = "given_up"  # the schedule is over
    DISABLED = "disabled"  # the receiver answered 410 Gone
    SUPERSEDED = "superseded"  # the job was run again before the first attempt


@dataclass(frozen=True, kw_only=True, slots=True)
class DueDelivery:
    """An attempt that could be begun, and where it would go."""

    id: str
    url: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivery:
    """One attempt to make: tell `url` that `type` happened to `job_id`. `id` is the same on every attempt.

    body: what the first attempt sent; '' before it. claim: of this attempt alone, the number it is told by; `attempt`,
    its place in the schedule, begins anew when somebody has it made again by hand.
    """

    id: str
    job_id: str
    type: str
    url: str
    attempt: int
    claim: int
    body: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What came of an attempt. `status` is None when no answer arrived; `delay_s` until the next attempt.

    disable_s: how long later deliveries to the same address end at once, because the receiver is gone.
    """

    state: DeliveryState
    body: str
    status: int | None = None
    error: str = ""
    delay_s: float = 0
    disable_s: float = 0


class AttemptRecord(Strict):
    """One attempt that was made."""

    number: int = Field(description="Counted from 1, on and on; one that is missing ended with its worker")
    at: datetime = Field(description="When it was made")
    status: int | None = Field(None, description="HTTP status; null: no answer")
    error: str = Field("", description="Why there is no answer, or empty")


class DeliveryRecord(Strict):
    """A delivery and what came of it; the last 20 attempts are kept."""

    id: str = Field(description="The event id that the receiver gets, the same on every attempt")
    job_id: str = Field(description="The job it tells of")
    type: str = Field(description="The event: `job.succeeded` and so on")
    url: str = Field(description="Where it goes")
    state: DeliveryState = Field(description="Where it is")
    attempts: int = Field(description="Attempts in all, with those that somebody asked for by hand")
    created_at: datetime = Field(description="When the job ended")
    next_attempt_at: datetime | None = Field(None, description="When it is tried next; null: now, or never again")
    log: tuple[AttemptRecord, ...] = Field((), description="The last 20 attempts, oldest first")


def event_id(job_id: str, run: int) -> str:
    """The event id of the end of a job's run, counted from 0: the same on every attempt."""
    return f"evt_{job_id}_{run}" if run else f"evt_{job_id}"


def event_body(job: Job, event_type: str) -> str:
    """The signed body: the same bytes on every attempt, because a terminal job does not change."""
    data = job.model_dump(mode="json")
    return json.dumps(
        {"type": event_type, "timestamp": data["finished_at"], "data": data},
        ensure_ascii=False,
        separators=(",", ":"),
    )


def retry_delay_s(attempt: int, *, jitter: float) -> float | None:
    """Seconds until attempt `attempt + 1` (attempts count from 1), spread by ±20 %; None when it was the last.

    `jitter` is a random number from 0 to 1.
    """
    if attempt >= len(SCHEDULE_S):
        return None
    return SCHEDULE_S[attempt] * (0.8 + 0.4 * jitter)
