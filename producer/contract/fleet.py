"""The fleet: what a worker tells of itself, how much work waits, and what a caller is shown of both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pydantic import Field

from producer.contract.jobs import Priority
from producer.contract.strict import Strict

AUTO = "auto"  # the kind of the work that any device may do
SLOT_S = 10  # read pages are counted in slots of this length
KEPT_MINUTES = 60


class WorkerState(StrEnum):
    """What a worker is at."""

    STARTING = "starting"  # it loads its models, and takes no work yet
    READY = "ready"  # it waits for work
    BUSY = "busy"  # it reads
    DRAINING = "draining"  # it ends what it reads, and takes no more


class WorkerReport(Strict):
    """What one worker, a process that reads, tells of itself. `id` begins with that of its node and a slash."""

    id: str = Field(description="Names the process")
    host: str = Field(description="Where it runs")
    pid: int = Field(description="Its process there")
    device: str = Field(description="The device that the engine is really on; before it is loaded, the one asked for")
    kind: str = Field(description="The kind of its device")
    state: WorkerState = Field(description="What it does")
    runtime: str = Field(description="The library it runs on and what it computes in; empty while it loads")
    pages_done: int = Field(description="Pages read since it started")
    pages_per_second: float = Field(description="Its speed while it reads; 0 until it has read")
    resident_bytes: int = Field(description="Its memory")
    started_at: datetime = Field(description="When it began")

    @property
    def node(self) -> str:
        """The id of its node: the process that `ocrfleet worker` became."""
        return self.id.rpartition("/")[0]


class FleetWorker(WorkerReport):
    """A worker and when it was heard of last, by the clock of the store."""

    seen_at: datetime = Field(description="When it was last heard of")


class ByPriority(Strict):
    """Waiting pages by the priority of their jobs."""

    high: int = Field(0, description="Pages")
    normal: int = Field(0, description="Pages")
    low: int = Field(0, description="Pages")


class KindLoad(Strict):
    """The work for one kind of device, and who does it. `auto` is the work that any device may do."""

    kind: str = Field(description="Of device; `auto`: any will do")
    waiting_pages: int = Field(description="A document that nobody has opened counts as many as the last hour's had")
    running_pages: int = Field(description="Pages in work")
    oldest_waiting_s: float | None = Field(description="How long the longest has waited; null: nothing waits")
    pages_per_second: float = Field(description="Pages read by devices of this kind in the last minute, a second")
    workers: int = Field(description="Processes that serve it")
    desired_workers: int = Field(description="Workers it should have")
    by_priority: ByPriority = Field(description="Waiting pages")


class ScaleDecision(Strict):
    """How many workers a kind of device should have, and why; work that any may do is shared among the kinds."""

    kind: str = Field(description="Of device")
    waiting_pages: int = Field(description="Pages that wait for it; estimated for documents that nobody has opened")
    running_pages: int = Field(description="Pages in work")
    seconds_of_work: float = Field(description="Of one worker, for all the pages that wait or are read")
    desired_workers: int = Field(description="Workers it should have")


class MinuteOfPages(Strict):
    """Pages read in the minute that begins at `at`."""

    at: datetime = Field(description="When the minute began")
    pages: int = Field(description="Pages read in it")


class FleetView(Strict):
    """What `GET /v1/fleet` answers."""

    kinds: list[KindLoad] = Field(description="Load by kind of device")
    workers: list[FleetWorker] = Field(description="Worker processes that are heard of")
    pages_per_second: float = Field(description="Pages read by the whole fleet in the last minute, a second")
    throughput: list[MinuteOfPages] = Field(description="The last 60 minutes, oldest first; the last one is not over")


@dataclass(frozen=True, kw_only=True, slots=True)
class LineLoad:
    """The work of one queue and priority.

    waiting_pages: of opened documents. unopened_jobs: documents whose pages nobody has counted.
    oldest_waiting_s: None where nothing waits.
    """

    queue: str
    priority: Priority
    waiting_pages: int = 0
    unopened_jobs: int = 0
    running_pages: int = 0
    oldest_waiting_s: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Slot:
    """What happened in the `SLOT_S` seconds from `at`.

    pages: read, by kind of device. opened_pages: of the documents that were opened.
    """

    at: datetime
    pages: Mapping[str, int]
    opened_jobs: int = 0
    opened_pages: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Load:
    """The work there is, and what came of it lately: `slots` of the last hour, oldest first, without empty ones."""

    now: datetime
    lines: tuple[LineLoad, ...]
    slots: tuple[Slot, ...]
