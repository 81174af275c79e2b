"""What a caller is shown of the fleet."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from producer.contract.fleet import FleetWorker, LineLoad, Load, Slot, WorkerState
from producer.contract.jobs import Priority
from producer.fleet import fleet_view

NOW = datetime(2026, 11, 24, 12, 30, 5, tzinfo=UTC)


def worker(kind: str, pid: int) -> FleetWorker:
    return FleetWorker(
        id=f"here/1/{pid}",
        host="here",
        pid=pid,
        device=kind if kind == "cpu" else f"{kind}:0",
        kind=kind,
        state=WorkerState.READY,
        runtime="",
        pages_done=0,
        pages_per_second=0,
        resident_bytes=0,
        started_at=NOW,
        seen_at=NOW,
    )


def load(*lines: LineLoad, slots: tuple[Slot, ...] = ()) -> Load:
    return Load(now=NOW, lines=lines, slots=slots)


def waiting(queue: str, pages: int, *, unopened: int = 0, priority: Priority = Priority.NORMAL) -> LineLoad:
    return LineLoad(
        queue=queue, priority=priority, waiting_pages=pages, unopened_jobs=unopened, oldest_waiting_s=float(pages)
    )


def test_the_queues_of_a_kind_and_of_its_single_devices_are_one_row_by_priority() -> None:
    [gpu] = fleet_view(
        [], load(waiting("ocr.gpu", 3), waiting("ocr.gpu.1", 4), waiting("ocr.gpu", 5, priority=Priority.HIGH)), {}
    ).kinds
    assert (gpu.kind, gpu.waiting_pages, gpu.oldest_waiting_s) == ("gpu", 12, 5.0)
    assert (gpu.by_priority.high, gpu.by_priority.normal, gpu.by_priority.low) == (5, 7, 0)


def test_work_for_any_device_is_a_row_of_its_own_that_every_worker_serves() -> None:
    view = fleet_view([worker("cpu", 1), worker("gpu", 2)], load(waiting("ocr.any", 2)), {})
    assert [(row.kind, row.waiting_pages, row.workers) for row in view.kinds] == [
        ("gpu", 0, 1),
        ("cpu", 0, 1),
        ("auto", 2, 2),
    ]


def test_a_document_that_nobody_has_opened_counts_as_many_pages_as_the_others_had() -> None:
    opened = Slot(at=NOW - timedelta(minutes=9), pages={}, opened_jobs=2, opened_pages=20)
    assert fleet_view([], load(waiting("ocr.cpu", 1, unopened=3)), {}).kinds[0].waiting_pages == 4
    assert fleet_view([], load(waiting("ocr.cpu", 1, unopened=3), slots=(opened,)), {}).kinds[0].waiting_pages == 31


def test_the_rate_is_of_the_last_minute_and_throughput_of_the_last_hour_with_empty_minutes() -> None:
    slots = tuple(
        Slot(at=NOW.replace(second=0) - ago, pages={"cpu": pages})
        for ago, pages in ((timedelta(minutes=30), 100), (timedelta(seconds=70), 7), (timedelta(seconds=0), 13))
    )
    view = fleet_view([worker("cpu", 1)], load(slots=slots), {})
    assert view.kinds[0].pages_per_second == view.pages_per_second == 0.2  # 13 in the 65 s from 12:29:00
    assert len(view.throughput) == 60
    assert (view.throughput[-1].at, view.throughput[-1].pages) == (NOW.replace(second=0), 13)
    assert [minute.pages for minute in view.throughput if minute.pages] == [100, 7, 13]


def test_a_kind_that_is_wanted_is_shown_before_it_has_workers_or_work() -> None:
    [row] = fleet_view([], load(), {"npu": 2}).kinds
    assert (row.kind, row.workers, row.desired_workers) == ("npu", 0, 2)


def test_an_empty_fleet_is_an_answer() -> None:
    view = fleet_view([], load(), {})
    assert (view.kinds, view.workers, view.pages_per_second) == ([], [], 0)
