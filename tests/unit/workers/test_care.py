"""Which nodes of a machine are replaced."""

from __future__ import annotations

from datetime import UTC, datetime

from producer.contract.fleet import FleetWorker, LineLoad, Load, WorkerState
from producer.contract.jobs import Priority
from workers.fleet.care import Care, NodeSeen

AT = datetime(2026, 11, 24, tzinfo=UTC)
READY, BUSY, STARTING = WorkerState.READY, WorkerState.BUSY, WorkerState.STARTING
NODE = NodeSeen(id="here/1", device="cpu", age_s=100)
OTHER = NodeSeen(id="here/2", device="cpu", age_s=100)


def care(max_age_s: float | None = None) -> Care:
    return Care(stall_s=30, start_s=300, max_age_s=max_age_s)


def worker(node: str = "here/1", *, state: WorkerState = READY, pages: int = 0) -> FleetWorker:
    return FleetWorker(
        id=f"{node}/7",
        host="here",
        pid=7,
        device="cpu",
        kind="cpu",
        state=state,
        runtime="",
        pages_done=pages,
        pages_per_second=0.0,
        resident_bytes=0,
        started_at=AT,
        seen_at=AT,
    )


def waits(queue: str = "ocr.cpu", seconds: float | None = 9.0) -> Load:
    line = LineLoad(queue=queue, priority=Priority.NORMAL, waiting_pages=1, oldest_waiting_s=seconds)
    return Load(now=AT, lines=(line,), slots=())


def test_a_node_that_takes_no_work_while_some_waits_is_replaced_after_a_while() -> None:
    watch = care()
    assert [sorted(watch.to_replace([NODE], [worker()], waits(), now=now)) for now in (0, 29, 30)] == [
        [],
        [],
        ["here/1"],
    ]


def test_a_node_that_works_between_two_looks_does_not_stand_still() -> None:
    watch = care()
    for now in range(0, 100, 10):
        assert not watch.to_replace([NODE], [worker(pages=now)], waits(), now=now)


def test_a_node_that_reads_or_has_nothing_to_do_does_not_stand_still() -> None:
    watch = care()
    for now, seen, load in (
        (0, worker(), waits()),
        (20, worker(state=BUSY), waits()),
        (40, worker(), waits(seconds=None)),
        (60, worker(), waits("ocr.gpu")),
        (80, worker(), waits()),
    ):
        assert not watch.to_replace([NODE], [seen], load, now=now)


def test_a_node_that_is_never_ready_is_replaced() -> None:
    young, old = (NodeSeen(id="here/1", device="cpu", age_s=age_s) for age_s in (299, 301))
    assert not care().to_replace([young], [worker(state=STARTING)], waits(), now=0)
    for seen in ([worker(state=STARTING)], []):
        [one] = care().to_replace([old], seen, waits(), now=0).values()
        assert (one.is_idle, "300 s" in one.why) == (True, True)


def test_old_nodes_are_replaced_one_at_a_time_and_while_all_others_are_up() -> None:
    both = [worker("here/1"), worker("here/2")]
    idle = Load(now=AT, lines=(), slots=())
    assert not care().to_replace([NODE, OTHER], both, idle, now=0)
    [one] = care(max_age_s=50).to_replace([NODE, OTHER], both, idle, now=0).values()
    assert not one.is_idle
    starting = [worker("here/1"), worker("here/2", state=STARTING)]
    assert not care(max_age_s=50).to_replace([NODE, OTHER], starting, idle, now=0)
