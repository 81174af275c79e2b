"""How many workers a kind of device should have."""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from workers.autoscaler.policy import Limits, Memory, Seen, decide

LIMITS = Limits(max_workers=50, target_wait_s=30, cold_start_s=20, cool_down_s=100)


def seen(at_s: float = 0, *, waiting: int = 0, running: int = 0, done: int = 0, workers: int = 0) -> Seen:
    return Seen(at_s=at_s, waiting_pages=waiting, running_pages=running, pages_done=done, workers=workers, page_s=1.0)


def desired(looks: Iterable[Seen], limits: Limits = LIMITS) -> list[int]:
    """What is wanted at each look of a row."""
    memory, found = Memory(), []
    for one in looks:
        decision = decide(one, limits, memory)
        memory = decision.memory
        found.append(decision.desired_workers)
    return found


def test_without_work_there_are_no_workers_unless_some_are_to_stay() -> None:
    assert desired([seen()]) == [0]
    assert desired([seen()], Limits(min_workers=2)) == [2]


def test_the_first_page_starts_the_first_worker_and_one_page_no_more_than_that() -> None:
    assert desired([seen(waiting=1)]) == [1]


def test_a_backlog_gets_as_many_as_read_it_in_time_up_to_the_most() -> None:
    assert desired([seen(waiting=300)]) == [10]
    assert desired([seen(waiting=30_000)]) == [50]


def test_seconds_of_work_are_those_of_one_worker() -> None:
    slow = Seen(at_s=0, waiting_pages=10, running_pages=2, pages_done=0, workers=1, page_s=2.5)
    assert decide(slow, LIMITS).seconds_of_work == 30


def test_until_a_page_was_measured_the_setting_says_how_long_one_takes() -> None:
    unknown = Seen(at_s=0, waiting_pages=60, running_pages=0, pages_done=0, workers=0, page_s=None)
    assert decide(unknown, Limits(page_s=3.0)).seconds_of_work == 180


def test_a_backlog_that_is_read_before_a_new_worker_could_start_starts_none() -> None:
    assert desired([seen(waiting=60, running=4, workers=4)]) == [4]


def test_what_comes_steadily_keeps_enough_workers_though_little_waits() -> None:
    steady = [seen(at, waiting=0, running=8, done=8 * at, workers=10) for at in range(0, 600, 5)]
    assert desired(steady)[-1] == 10  # 8 pages a second of one second each, at 85 % of their time


def test_there_are_fewer_only_when_fewer_were_enough_for_the_whole_cool_down() -> None:
    looks = [seen(waiting=300), *(seen(at, workers=10, done=300) for at in range(30, 600, 10))]
    found = desired(looks)
    assert found[: len(range(0, 100, 10)) - 2] == [10] * 8
    assert found[-1] == 0


def test_a_little_fewer_is_not_worth_a_change() -> None:
    looks = [seen(at, waiting=0, running=30, done=30 * at, workers=38) for at in range(0, 900, 5)]
    assert set(desired(looks)[-20:]) == {38}


def test_a_new_leader_keeps_what_is_there_for_a_cool_down() -> None:
    assert desired([seen(workers=7), seen(50, workers=7), seen(101, workers=7)]) == [7, 7, 0]


@given(
    st.lists(
        st.tuples(st.integers(0, 10_000), st.integers(0, 100), st.integers(0, 500), st.integers(0, 60)), max_size=30
    ),
    st.integers(0, 5),
    st.integers(0, 40),
)
def test_the_limits_hold_whatever_is_seen(rows: list[tuple[int, int, int, int]], least: int, more: int) -> None:
    limits = Limits(min_workers=least, max_workers=least + more)
    done, looks = 0, []
    for number, (waiting, running, read, workers) in enumerate(rows):
        done += read
        looks.append(seen(5 * number, waiting=waiting, running=running, done=done, workers=workers))
    assert all(least <= count <= least + more for count in desired(looks, limits))


@given(st.integers(1, 10_000), st.integers(1, 10_000))
def test_more_work_never_wants_fewer_workers(first: int, second: int) -> None:
    less, more = sorted((first, second))
    assert desired([seen(waiting=less)]) <= desired([seen(waiting=more)])
