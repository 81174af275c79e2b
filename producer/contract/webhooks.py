"""Webhook messages: Standard Webhooks ids, bodies and the retry schedule."""

from __future__ import annotations

import json
from dataclasses import dataclass

from producer.contract.jobs import Job

# Standard Webhooks 1.0: seconds to wait before attempt 1, 2, 3, ... ; after the last the delivery is given up.
SCHEDULE_S = (0, 5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivery:
    """One row of the outbox: tell `url` that `type` happened to `job_id`. `id` is the same on every attempt."""

    id: str
    job_id: str
    type: str
    url: str
    attempt: int


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
