"""Processes that are kept running."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from workers.fleet.child_process import Spawner
from workers.fleet.parts import DRAIN_S, Part, Parts

STAYS = [sys.executable, "-c", "import time; time.sleep(60)"]
IGNORES = [
    *(sys.executable, "-c"),
    "import signal, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); sys.stdout.close(); time.sleep(60)",
]
CRASHES = [sys.executable, "-c", "raise SystemExit(1)"]


class Clock:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def parts(clock: Clock) -> Iterator[Parts]:
    spawner = Spawner()
    parts = Parts(spawner=spawner, clock=clock)
    yield parts
    for part in parts.running:
        part.process.kill()
        part.process.wait()
    spawner.close()


def crash(part: Part) -> int:
    """Let it be over; its process id."""
    part.process.kill()
    part.process.wait()
    return part.process.pid


def test_what_crashes_is_started_again_each_time_later(parts: Parts, clock: Clock) -> None:
    part = parts.start("a", STAYS, {})
    pauses = []
    for _ in range(8):
        former, died_at = crash(part), clock.now
        while part.process.pid == former:
            parts.watch()
            clock.now += 0.5
        pauses.append(clock.now - 0.5 - died_at)
    assert pauses == [0.0, 1.0, 3.0, 7.0, 15.0, 30.0, 30.0, 30.0]


def test_however_often_it_crashed_the_pause_is_bounded(parts: Parts, clock: Clock) -> None:
    part = parts.start("a", STAYS, {})
    part.crashes = 5000
    former = crash(part)
    parts.watch()
    clock.now += 29.9
    parts.watch()
    assert part.process.pid == former
    clock.now += 0.1
    parts.watch()
    assert part.process.pid != former


def test_what_crashes_too_often_in_a_row_is_lost(parts: Parts, clock: Clock) -> None:
    parts.max_restarts = 2
    part = parts.start("a", STAYS, {})
    crashed = set()
    while not part.is_lost:
        crashed.add(crash(part))
        parts.watch()
        clock.now += 0.5
    parts.watch()
    assert (len(crashed), part.is_running) == (3, False)


def test_what_ran_for_long_is_started_again_at_once(parts: Parts, clock: Clock) -> None:
    part = parts.start("a", STAYS, {})
    part.crashes = 5
    clock.now += 61
    former = crash(part)
    parts.watch()
    assert part.process.pid != former


def test_what_leaves_ends_and_is_not_started_again(parts: Parts) -> None:
    part = parts.start("a", STAYS, {})
    parts.leave(part)
    part.process.wait(timeout=10)
    parts.watch()
    assert parts.running == []


def test_what_is_replaced_ends_and_is_started_anew_at_once_and_without_a_crash(parts: Parts) -> None:
    part = parts.start("a", STAYS, {})
    former = part.process.pid
    parts.replace(part, why="a test")
    part.process.wait(timeout=10)
    parts.watch()
    assert (part.process.pid != former, part.is_running, part.crashes, part.kill_at) == (True, True, 0, 0.0)


def test_what_is_told_to_stop_and_does_not_is_killed_when_its_time_is_over(parts: Parts, clock: Clock) -> None:
    part = parts.start("a", IGNORES, {})
    part.kill_at = clock.now + DRAIN_S  # as `leave` does; a signal before its handler is set would end it
    part.is_leaving = True
    parts.watch()
    assert part.is_running
    clock.now += DRAIN_S
    parts.watch()
    assert part.process.wait(timeout=10) < 0


def test_everything_is_stopped_at_once_and_waited_for(parts: Parts) -> None:
    processes = [parts.start(name, STAYS, {}).process for name in "ab"]
    parts.stop()
    assert [process.poll() is not None for process in processes] == [True, True]
    parts.stop()
