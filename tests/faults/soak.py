"""The soak: random faults between rounds of work, until the time or the rounds are over, then heal, drain and count."""

from __future__ import annotations

import os
import random
import secrets
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.faults.ledger import Violation, count_duplicated, count_lost

SEED_VARIABLE = "OCRFLEET_SOAK_SEED"
SECONDS_VARIABLE = "OCRFLEET_SOAK_S"
ROUNDS_VARIABLE = "OCRFLEET_SOAK_ROUNDS"


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """One thing that can go wrong. `inject` breaks, `heal` mends; both may be called in any state of the world."""

    name: str
    inject: Callable[[random.Random], None]
    heal: Callable[[], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class World:
    """What is under fire. `work` submits a round of jobs and returns how many were accepted; it must not raise when
    the system refuses. `drain` returns once nothing is left to do, or fails. `settle` is the ledger's answer."""

    work: Callable[[random.Random], int]
    drain: Callable[[], None]
    settle: Callable[[], list[Violation]]


@dataclass(frozen=True, kw_only=True, slots=True)
class SoakPlan:
    """How long: whichever of `rounds` and `time_s` is over first. A fault lasts up to `fault_s`."""

    seed: int
    rounds: int
    time_s: float
    fault_s: float = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class SoakReport:
    """What was done and what came of it; `injected` counts each fault by name."""

    seed: int
    rounds: int
    took_s: float
    accepted: int
    injected: Counter[str]
    violations: tuple[Violation, ...]

    def __str__(self) -> str:
        faults = ", ".join(f"{name} {count}" for name, count in sorted(self.injected.items()))
        lines = [
            f"soak: seed {self.seed}, {self.rounds} rounds in {self.took_s:.0f} s, {self.accepted} jobs accepted",
            f"faults injected: {self.injected.total()} ({faults})",
            f"lost: {count_lost(list(self.violations))}, duplicated: {count_duplicated(list(self.violations))}, "
            f"violations: {len(self.violations)}",
            *(f"  {violation}" for violation in self.violations),
        ]
        return "\n".join(lines)


def plan(*, rounds: int, time_s: float) -> SoakPlan:
    """A plan of this size, or of what the environment says: its seed repeats the faults of an earlier run."""
    return SoakPlan(
        seed=int(os.environ.get(SEED_VARIABLE, secrets.randbelow(2**32))),
        rounds=int(os.environ.get(ROUNDS_VARIABLE, rounds)),
        time_s=float(os.environ.get(SECONDS_VARIABLE, time_s)),
    )


def soak(world: World, faults: Sequence[Fault], plan: SoakPlan) -> SoakReport:
    """Run the rounds. Whatever happens, every fault is healed before the draining, and again on an error."""
    chance = random.Random(plan.seed)
    injected: Counter[str] = Counter()
    accepted = rounds = 0
    sys.stdout.write(f"soak: seed {plan.seed}; {SEED_VARIABLE}={plan.seed} repeats its faults\n")
    started = time.monotonic()
    try:
        while rounds < plan.rounds and time.monotonic() - started < plan.time_s:
            fault = chance.choice(faults)
            accepted += world.work(chance)
            fault.inject(chance)
            injected[fault.name] += 1
            accepted += world.work(chance)
            time.sleep(chance.uniform(0, plan.fault_s))  # how long a fault lasts is part of the fault
            fault.heal()
            rounds += 1
    finally:
        for fault in faults:
            fault.heal()
    world.drain()
    return SoakReport(
        seed=plan.seed,
        rounds=rounds,
        took_s=time.monotonic() - started,
        accepted=accepted,
        injected=injected,
        violations=tuple(world.settle()),
    )
