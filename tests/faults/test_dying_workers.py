"""Workers that are killed, frozen or stopped: what they worked on is done by others, once."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Sequence
from dataclasses import replace

import pytest

from tests.faults.commands import READ, Command, sleep
from tests.faults.fleet import LEASE_S, STOP_S, Fleet
from tests.servers.process import wait_until

SLOW = sleep(1.0)
BEYOND_THE_LEASE = LEASE_S + 1.0
RECOVERED_S = 30.0
STOPPED_S = STOP_S + 20.0  # what a loaded machine adds


def test_a_killed_child_is_replaced_and_its_page_read_again_within_ten_seconds(fleet: Fleet) -> None:
    """Row 1."""
    job = fleet.jobs.submit(SLOW)
    fleet.jobs.wait_begun(1)
    fleet.holder(job).kill_child()
    killed_at = time.monotonic()
    fleet.jobs.wait_begun(2)
    assert time.monotonic() - killed_at < 10
    fleet.check()
    assert fleet.jobs.job(job).attempts == 2


@pytest.mark.parametrize("part", ["main", "group"])
def test_a_killed_node_takes_nothing_with_it_and_the_next_one_gets_a_new_token(fleet: Fleet, part: str) -> None:
    """Rows 2 and 3: the main process alone, and the whole group, in the middle of a page."""
    job = fleet.jobs.submit(SLOW, READ)
    fleet.jobs.wait_begun(1)
    node = fleet.holder(job)
    if part == "main":
        node.kill_main()
    else:
        node.kill_group()
    node.wait_gone()  # children die with their main process
    fleet.check()
    assert fleet.jobs.collector.claims(job) == 2
    assert fleet.jobs.job(job).attempts == 2


def test_a_frozen_node_that_swallowed_the_message_and_died_does_not_lose_the_job(fleet: Fleet) -> None:
    """Row 4: its connection waits in BRPOP, so Redis hands it the message that nobody will ever see."""
    fleet.second.kill_group()
    job = next(job for job in (swallowed(fleet) for _ in range(10)) if job)
    fleet.first.kill_group()
    fleet.replace_dead()
    fleet.wait_ready()
    ready_at = time.monotonic()
    fleet.check()
    assert time.monotonic() - ready_at < RECOVERED_S
    assert fleet.jobs.job(job).attempts == 1


def swallowed(fleet: Fleet) -> str | None:
    """A job whose message the frozen first node has; None: it was frozen for longer than BRPOP waits, a second."""
    fleet.first.pause()
    job = fleet.jobs.submit(READ)
    deadline = time.monotonic() + 3.0
    while time.monotonic() < deadline:
        if not fleet.jobs.collector.queued():
            return job
        time.sleep(0.05)
    fleet.first.resume()
    fleet.check()
    return None


@pytest.mark.timeout(600)
def test_nodes_killed_at_random_under_a_stream_of_short_jobs_lose_nothing(fleet: Fleet) -> None:
    """Row 5; a hundred rounds are in `make soak`."""
    kill_rounds(fleet, rounds=3, chance=random.Random(5))


@pytest.mark.soak
@pytest.mark.timeout(3_600)
def test_a_hundred_killed_nodes_lose_nothing(fleet: Fleet) -> None:
    """Rows 1, 2, 3 and 5 in the long form."""
    kill_rounds(fleet, rounds=100, chance=random.Random(100))


def kill_rounds(fleet: Fleet, *, rounds: int, chance: random.Random) -> None:
    """Kill one of two device nodes, by part or whole, at a random moment under a stream of jobs."""
    for number in range(rounds):
        for _ in range(12):
            fleet.jobs.submit(READ)
        time.sleep(chance.uniform(0, 0.3))
        node = chance.choice((fleet.first, fleet.second))
        (node.kill_group, node.kill_main, node.kill_child)[number % 3]()
        for _ in range(4):
            fleet.jobs.submit(READ)
        fleet.replace_dead()
        fleet.wait_ready()
    fleet.check()


def test_a_worker_that_froze_beyond_its_lease_cannot_commit_late(fleet: Fleet) -> None:
    """Row 6."""
    ended = fleet.jobs.ended()
    job = fleet.jobs.submit(SLOW, READ)
    fleet.jobs.wait_begun(1)
    zombie = fleet.holder(job)
    zombie.pause()
    wait_until(lambda: fleet.jobs.job(job).status.is_terminal, lambda: fleet.story("nobody took over"), timeout_s=60)
    finished = fleet.jobs.job(job)
    zombie.resume()
    wait_until(lambda: fleet.jobs.ended() == ended + 3, lambda: fleet.story("the zombie did not wake"), timeout_s=60)
    fleet.check()
    assert fleet.jobs.job(job) == finished
    assert zombie.count("unit_stopped") + zombie.count("page_stuck"), "the zombie committed"


def test_a_dead_heartbeat_costs_a_second_reading_and_nothing_else(fleet: Fleet) -> None:
    """Row 8: the thread ends, the page goes on."""
    fleet.arm("heartbeat")
    reads_twice(fleet, replace(sleep(BEYOND_THE_LEASE), times=1))
    fleet.wait_fired("heartbeat")


def test_a_heartbeat_that_starves_costs_a_second_reading_and_nothing_else(fleet: Fleet) -> None:
    """Row 8: a native call that holds the interpreter's lock lets no other thread run."""
    reads_twice(fleet, Command(action="spin", amount=BEYOND_THE_LEASE, times=1))


def reads_twice(fleet: Fleet, lame: Command) -> None:
    """The lame page is read by two workers, and counted once."""
    job = fleet.jobs.submit(lame)
    fleet.jobs.wait_begun(2)
    fleet.check()
    assert fleet.jobs.collector.claims(job) == 2
    assert fleet.jobs.job(job).progress.pages_done == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGQUIT])
def test_a_stopped_node_finishes_what_it_does(fleet: Fleet, number: signal.Signals) -> None:
    """Row 9: one signal; its time to stop is enough for a page of a second."""
    job = stop(fleet, [number])
    assert fleet.jobs.job(job).attempts == 1
    assert fleet.jobs.begun() == 2


def test_a_node_stopped_twice_puts_back_what_it_does(fleet: Fleet) -> None:
    """Row 9: a second SIGTERM does not wait."""
    job = stop(fleet, [signal.SIGTERM, signal.SIGTERM])
    assert fleet.jobs.job(job).attempts == 2


def stop(fleet: Fleet, signals: Sequence[signal.Signals]) -> str:
    """Stop the node that reads a document of two pages; the job."""
    job = fleet.jobs.submit(SLOW, READ)
    fleet.jobs.wait_begun(1)
    node = fleet.holder(job)
    for number in signals:
        node.signal_main(number)
        time.sleep(0.3)  # signals that come at once are one
    node.wait_gone(timeout_s=STOPPED_S)
    fleet.check()
    return job
