"""The soak driver injects, heals and counts; tried on a Redis list as the simplest thing that must lose nothing."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from contextlib import suppress
from functools import partial

import pytest
from redis import Redis
from redis.exceptions import RedisError

from tests.faults.ledger import Breach, Violation
from tests.faults.redis_control import RedisControl, redis_control
from tests.faults.soak import SEED_VARIABLE, Fault, SoakPlan, World, plan, soak

ROUNDS = 6


class Shelf:
    """A set in Redis: what was acknowledged must be there in the end."""

    def __init__(self, control: RedisControl, *, forgets: bool = False) -> None:
        self._client = Redis.from_url(control.server.url, socket_timeout=0.2, retry=None, decode_responses=True)
        self._forgets = forgets
        self._acknowledged: set[str] = set()

    def work(self, chance: random.Random) -> int:
        accepted = 0
        for _ in range(2):
            item = f"{chance.getrandbits(64):x}"
            with suppress(RedisError):
                self._client.sadd("shelf", item)
                self._acknowledged.add(item)
                accepted += 1
        return accepted

    def settle(self) -> list[Violation]:
        if self._forgets:
            self._client.spop("shelf")
        there = {str(item) for item in self._client.smembers("shelf")}
        return [Violation(breach=Breach.LOST, subject=item) for item in self._acknowledged - there]

    def world(self) -> World:
        return World(work=self.work, drain=lambda: None, settle=self.settle)


@pytest.fixture(scope="module")
def control() -> Iterator[RedisControl]:
    with redis_control() as control:
        yield control


def faults_of(control: RedisControl) -> list[Fault]:
    return [
        Fault(name="kill", inject=lambda _: control.kill(), heal=control.heal),
        Fault(name="freeze", inject=lambda _: control.pause(), heal=control.heal),
        Fault(name="full", inject=lambda _: control.fill(), heal=control.heal),
    ]


def test_a_store_that_keeps_its_promise_passes(control: RedisControl) -> None:
    report = soak(Shelf(control).world(), faults_of(control), SoakPlan(seed=1, rounds=ROUNDS, time_s=60, fault_s=0.1))
    assert report.violations == (), str(report)
    assert (report.rounds, report.injected.total()) == (ROUNDS, ROUNDS)
    assert report.accepted >= ROUNDS * 2


@pytest.mark.soak
@pytest.mark.timeout(1_800)
def test_redis_alone_loses_nothing_that_it_acknowledged_in_a_hundred_rounds(control: RedisControl) -> None:
    """What everything else stands on: with `appendfsync always`, acknowledged is kept."""
    control.client.delete("shelf")
    report = soak(Shelf(control).world(), faults_of(control), plan(rounds=100, time_s=600))
    sys.stdout.write(f"{report}\n")
    assert report.violations == (), str(report)


def test_a_store_that_forgets_one_item_is_found_out(control: RedisControl) -> None:
    shelf = Shelf(control, forgets=True)
    control.client.delete("shelf")
    report = soak(shelf.world(), faults_of(control), SoakPlan(seed=2, rounds=1, time_s=60, fault_s=0.1))
    assert "lost: 1, duplicated: 0" in str(report)


def test_time_ends_a_soak_and_faults_are_healed_when_work_fails() -> None:
    healed: list[str] = []
    fault = Fault(name="none", inject=lambda _: None, heal=lambda: healed.append("healed"))
    world = World(work=lambda _: 1, drain=lambda: None, settle=list)
    assert soak(world, [fault], SoakPlan(seed=1, rounds=10**9, time_s=0.05, fault_s=0.01)).rounds < 10**9

    def fail(_: random.Random) -> int:
        raise RuntimeError("the work itself is broken")

    healed.clear()
    with pytest.raises(RuntimeError):
        soak(World(work=fail, drain=world.drain, settle=list), [fault], SoakPlan(seed=1, rounds=1, time_s=1))
    assert healed == ["healed"]


def test_the_same_seed_orders_the_same_faults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SEED_VARIABLE, "7")
    assert plan(rounds=1, time_s=1).seed == 7
    orders: list[list[str]] = []

    def note(order: list[str], name: str, _: random.Random) -> None:
        order.append(name)

    for _ in range(2):
        order: list[str] = []
        faults = [Fault(name=name, inject=partial(note, order, name), heal=lambda: None) for name in "abc"]
        world = World(work=lambda _: 0, drain=lambda: None, settle=list)
        soak(world, faults, SoakPlan(seed=7, rounds=20, time_s=10, fault_s=0))
        orders.append(order)
    assert orders[0] == orders[1]
    assert set(orders[0]) == set("abc")
