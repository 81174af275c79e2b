"""What a caller is shown of the fleet, out of what its workers tell and the load of the queues. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta

from producer.contract.fleet import (
    AUTO,
    KEPT_MINUTES,
    SLOT_S,
    ByPriority,
    FleetView,
    FleetWorker,
    KindLoad,
    LineLoad,
    Load,
    MinuteOfPages,
)
from producer.contract.names import DEVICE_KINDS, kind_of_queue

_RATE_S = 60


def fleet_view(workers: Sequence[FleetWorker], load: Load, desired: Mapping[str, int]) -> FleetView:
    """Workers and work by kind. `desired`: kind to the workers it should have; the others keep what they have."""
    known = {worker.kind for worker in workers} | {kind_of_queue(line.queue) for line in load.lines} | desired.keys()
    kinds = [_kind_load(kind, workers, load, desired) for kind in (*DEVICE_KINDS, AUTO) if kind in known]
    return FleetView(
        kinds=kinds,
        workers=list(workers),
        pages_per_second=round(sum(kind.pages_per_second for kind in kinds), 3),
        throughput=_throughput(load),
    )


def pages_per_document(load: Load) -> float:
    """How many pages the documents had that were opened in the last hour; 1 when there were none."""
    jobs = sum(slot.opened_jobs for slot in load.slots)
    return sum(slot.opened_pages for slot in load.slots) / jobs if jobs else 1.0


def waiting_pages(lines: Iterable[LineLoad], per_document: float) -> int:
    """The pages that wait; a document that nobody has opened counts as many as others had."""
    return round(sum(line.waiting_pages + line.unopened_jobs * per_document for line in lines))


def _kind_load(kind: str, workers: Sequence[FleetWorker], load: Load, desired: Mapping[str, int]) -> KindLoad:
    lines = [line for line in load.lines if kind_of_queue(line.queue) == kind]
    waits = [line.oldest_waiting_s for line in lines if line.oldest_waiting_s is not None]
    served_by = sum(kind in (worker.kind, AUTO) for worker in workers)
    per_document = pages_per_document(load)
    by_priority = {
        priority: waiting_pages([line for line in lines if line.priority == priority], per_document)
        for priority in ByPriority.model_fields
    }
    return KindLoad(
        kind=kind,
        waiting_pages=sum(by_priority.values()),
        running_pages=sum(line.running_pages for line in lines),
        oldest_waiting_s=max(waits, default=None),
        pages_per_second=round(_pages_per_second(load, kind), 3),
        workers=served_by,
        desired_workers=desired.get(kind, served_by),
        by_priority=ByPriority(**by_priority),
    )


def _pages_per_second(load: Load, kind: str) -> float:
    """Over the last minute, and what there is of the slot that is not over."""
    begin = load.now - timedelta(seconds=_RATE_S + load.now.timestamp() % SLOT_S)
    pages = sum(slot.pages.get(kind, 0) for slot in load.slots if slot.at >= begin)
    return pages / (load.now - begin).total_seconds()


def _throughput(load: Load) -> list[MinuteOfPages]:
    pages: Counter[float] = Counter()
    for slot in load.slots:
        pages[slot.at.timestamp() // 60] += sum(slot.pages.values())
    this = load.now.replace(second=0, microsecond=0)
    minutes = [this - timedelta(minutes=ago) for ago in reversed(range(KEPT_MINUTES))]
    return [MinuteOfPages(at=minute, pages=pages[minute.timestamp() // 60]) for minute in minutes]
