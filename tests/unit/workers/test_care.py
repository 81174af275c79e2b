"""Which nodes of a machine are replaced."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

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


def aged(age_s: float) -> NodeSeen:
    return NodeSeen(id="here/1", device="cpu", age_s=age_s)


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
    for seen in ([worker(state=STARTING)], []):
        watch = care()
        for now in (0, 2, 299):
            assert not watch.to_replace([aged(now)], seen, waits(), now=now)
        [one] = watch.to_replace([aged(300)], seen, waits(), now=300).values()
        assert (one.is_idle, "300 s" in one.why) == (True, True)


@pytest.mark.parametrize("left", [[], [worker(state=STARTING)]])
def test_a_node_of_any_age_may_be_without_a_ready_worker_for_as_long_as_a_new_one(left: list[FleetWorker]) -> None:
    """Its only child was recycled or died; or Redis lost what the workers tell of themselves."""
    watch = care()
    for now in range(0, 4000, 100):  # one gap after another, each shorter than a start may take
        seen = [worker(pages=now)] if now % 300 == 0 else left
        assert not watch.to_replace([aged(now)], seen, waits(), now=now)
    for now in (4000, 4299):
        assert not watch.to_replace([aged(now)], left, waits(), now=now)
    assert watch.to_replace([aged(4300)], left, waits(), now=4300)


def test_a_node_that_was_replaced_has_the_time_of_a_new_one() -> None:
    watch = care()
    watch.to_replace([NODE], [], waits(), now=0)
    watch.to_replace([OTHER], [], waits(), now=200)
    assert not watch.to_replace([OTHER], [], waits(), now=400)
    assert sorted(watch.to_replace([OTHER], [], waits(), now=500)) == ["here/2"]


def test_old_nodes_are_replaced_one_at_a_time_and_while_all_others_are_up() -> None:
    both = [worker("here/1"), worker("here/2")]
    idle = Load(now=AT, lines=(), slots=())
    assert not care().to_replace([NODE, OTHER], both, idle, now=0)
    [one] = care(max_age_s=50).to_replace([NODE, OTHER], both, idle, now=0).values()
    assert not one.is_idle
    starting = [worker("here/1"), worker("here/2", state=STARTING)]
    assert not care(max_age_s=50).to_replace([NODE, OTHER], starting, idle, now=0)
