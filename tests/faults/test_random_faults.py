"""Row 35: faults 1 to 22 at random, with a printed seed, until the time is over; then the ledger must be even."""

from __future__ import annotations

import random
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
from redis.exceptions import RedisError

from producer.backends.celery_queue import KEY_PREFIX
from producer.contract.errors import Unavailable
from tests.faults.caseload import FILENAME
from tests.faults.commands import READ, Command, sleep
from tests.faults.fleet import FAILPOINTS, SHORT_TIMES, Fleet, running_fleet
from tests.faults.soak import Fault, SoakPlan, SoakReport, World, plan, soak
from tests.faults.tcp_proxy import Kind

DRAINED_S = 900.0  # a store that did not answer is asked again after up to five minutes
# Few kill: a child takes seconds to come back.
DOCUMENTS = (
    *[(READ,)] * 8,
    *[(READ, READ, READ)] * 4,
    *[(sleep(0.2), READ, sleep(0.2), READ, READ)] * 4,
    (Command(action="exit", amount=3, times=1), READ),
    (Command(action="sys_exit", times=1),),
    (READ, Command(action="segfault", times=1), READ),
)
# More are not handed in before some have ended: what is tested is faults, not how fast a child comes back.
BACKLOG_JOBS = 60
KILLS = ("device worker killed", "io worker killed", "failpoint", "redis killed")


@pytest.fixture(scope="module")
def enduring(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """A fleet that never gives up on a page: faults strike so often that three may well strike the same one."""
    times = {**SHORT_TIMES, "OCRFLEET_MAX_ATTEMPTS": "1000"}
    with running_fleet(tmp_path_factory.mktemp("enduring"), times=times) as fleet:
        yield fleet


class Work:
    """Submits as a careful caller does: under a key, again and again until there is an answer."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._unanswered: dict[str, bytes] = {}
        self._open: set[str] = set()

    def world(self) -> World:
        return World(work=self._work, drain=self._drain, settle=self._fleet.jobs.settle)

    def _work(self, chance: random.Random) -> int:
        for _ in range(min(chance.randint(1, 4), self._room())):
            key = f"{chance.getrandbits(64):x}"
            self._unanswered[key] = self._fleet.jobs.document(*chance.choice(DOCUMENTS))
        return self._submit()

    def _submit(self) -> int:
        """Submit what has no answer yet; how many got one."""
        jobs, before = self._fleet.jobs, len(self._unanswered)
        with suppress(Unavailable):
            for key, data in list(self._unanswered.items()):
                job = jobs.producer.submit(data, jobs.request(), filename=FILENAME, idempotency_key=key)
                jobs.enter(job.id, data)
                self._open.add(job.id)
                del self._unanswered[key]
        return before - len(self._unanswered)

    def _room(self) -> int:
        """How many more jobs may wait. Those that cannot be asked about, Redis being down, count as waiting."""
        with suppress(Unavailable):
            self._open = {job_id for job_id in self._open if self._fleet.jobs.collector.is_open(job_id)}
        return max(BACKLOG_JOBS - len(self._open) - len(self._unanswered), 0)

    def _drain(self) -> None:
        self._submit()
        assert not self._unanswered
        self._fleet.revive()
        try:
            self._fleet.jobs.drain(timeout_s=DRAINED_S)
        except RuntimeError as error:
            raise RuntimeError(self._fleet.story(str(error))) from error


def faults_of(fleet: Fleet) -> list[Fault]:
    """What a fleet on one machine can be given while it runs; killed workers come up most often."""

    def fault(name: str, inject: Callable[[random.Random], object]) -> Fault:
        def strike(chance: random.Random) -> None:
            with suppress(ProcessLookupError, RedisError):  # what is already down cannot be broken again
                inject(chance)

        return Fault(name=name, inject=strike, heal=fleet.heal)

    def device(chance: random.Random) -> None:
        node = chance.choice((fleet.first, fleet.second))
        kill = chance.choice((node.kill_child, node.kill_main, node.kill_group))
        if node.children():  # none: it is coming up, or has died of an earlier fault
            kill()

    def freeze_redis(chance: random.Random) -> None:
        fleet.control.pause()  # whoever submits meanwhile waits: thawed by the clock
        threading.Timer(chance.uniform(0.2, 4.0), fleet.control.resume).start()

    def forget_messages(_: random.Random) -> None:
        for key in fleet.control.client.scan_iter(f"{KEY_PREFIX}*"):
            fleet.control.client.delete(key)

    killed = fault("device worker killed", device)
    return [
        *[killed] * 4,
        fault("io worker killed", lambda _: fleet.io.kill_group()),
        fault("device worker frozen", lambda chance: chance.choice((fleet.first, fleet.second)).pause()),
        *[fault("failpoint", lambda chance: fleet.arm(chance.choice(list(FAILPOINTS))))] * 2,
        fault("redis killed", lambda _: fleet.control.kill()),
        fault("redis frozen", freeze_redis),
        fault("redis full", lambda _: fleet.control.fill()),
        fault("redis hangs up", lambda _: fleet.control.drop_connections()),
        fault("messages forgotten", forget_messages),
        fault("connections reset", lambda _: fleet.proxy.behave(Kind.RESET)),
        fault("connections slow", lambda _: fleet.proxy.behave(Kind.DELAY, 0.1)),
        fault("answers cut", lambda chance: fleet.proxy.behave(Kind.CUT, chance.randrange(1, 400))),
        fault("connections silent", lambda _: fleet.proxy.behave(Kind.BLACK_HOLE)),
    ]


def run(fleet: Fleet, plan: SoakPlan) -> SoakReport:
    fleet.renew()
    report = soak(Work(fleet).world(), faults_of(fleet), plan)
    sys.stdout.write(f"{report}\n")
    assert report.violations == (), fleet.story(str(report))
    return report


@pytest.mark.timeout(1_200)
def test_twenty_seconds_of_random_faults_lose_nothing_and_repeat_nothing(enduring: Fleet) -> None:
    """Row 35, in the short form."""
    report = run(enduring, plan(rounds=1_000, time_s=20))
    assert report.accepted > 0


@pytest.mark.soak
@pytest.mark.timeout(3_600)
def test_ten_minutes_of_random_faults_lose_nothing_and_repeat_nothing(enduring: Fleet) -> None:
    """Row 35."""
    report = run(enduring, plan(rounds=100_000, time_s=600))
    assert sum(report.injected[name] for name in KILLS) >= min(100, report.rounds // 4)
