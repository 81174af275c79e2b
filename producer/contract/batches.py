"""Batches: many documents in one request, and how far they are."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from producer.contract.jobs import JobState
from producer.contract.strict import Strict

BATCH_MAX = 10_000


class BatchLinks(Strict):
    """Addresses of a batch, relative to the server."""

    self: str = Field(description="The batch")
    jobs: str = Field(description="Its jobs, newest first")


class Batch(Strict):
    """How many jobs of a batch are in which state; those deleted or past their retention do not count."""

    id: str = Field(description="Names the batch")
    jobs_total: int = Field(description="Jobs that are kept")
    is_finished: bool = Field(description="Every job has ended")
    counts: Mapping[JobState, int] = Field(description="Jobs by state; every state is named")
    links: BatchLinks = Field(description="Where to go from here")


def batch_of(batch_id: str, counts: Mapping[JobState, int]) -> Batch:
    """A batch as a caller is shown it."""
    return Batch(
        id=batch_id,
        jobs_total=sum(counts.values()),
        is_finished=not any(count for state, count in counts.items() if not state.is_terminal),
        counts=counts,
        links=BatchLinks(self=f"/v1/batches/{batch_id}", jobs=f"/v1/jobs?batch={batch_id}"),
    )
