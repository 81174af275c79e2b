"""`ocrfleet up` and its own Redis: one that dies comes back with its data, and one that cannot ends the system."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import suppress

import pytest
from redis import Redis

from producer.client import OcrFleetClient
from producer.contract.errors import Unavailable
from producer.contract.jobs import JobState
from tests.acceptance.conftest import nothing_is_left, running, wait_until
from tests.faults.commands import READ, document, sleep
from tests.faults.nodes import stand_in
from workers.fleet.supervisor import System

DONE_S, LOST_S = 60.0, 30.0


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    folder = tmp_path_factory.mktemp("embedded")
    with running(folder, **stand_in(folder)) as system:
        yield system
    nothing_is_left(folder)


@pytest.fixture
def client(system: System) -> Iterator[OcrFleetClient]:
    with OcrFleetClient(system.server) as client:
        yield client


def redis_of(system: System) -> int:
    """Its process id."""
    with Redis.from_url(system.environment["OCRFLEET_REDIS_URL"]) as client:
        return int(client.info("server")["process_id"])


def test_redis_that_is_killed_comes_back_and_what_was_accepted_is_read(system: System, client: OcrFleetClient) -> None:
    jobs = [client.submit(document([sleep(0.3)] * 6)).id for _ in range(2)]
    wait_until(lambda: client.status(jobs[0]).progress.pages_done > 0, timeout_s=DONE_S, what="the first page")
    killed = redis_of(system)
    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: all(ended(client, job) for job in jobs), timeout_s=DONE_S, what="the jobs to end")
    assert [client.status(job).status for job in jobs] == [JobState.SUCCEEDED] * 2
    later = client.submit(document([READ]))
    assert client.wait(later.id, timeout_s=DONE_S).status is JobState.SUCCEEDED
    assert redis_of(system) != killed
    system.check()


def ended(client: OcrFleetClient, job: str) -> bool:
    with suppress(Unavailable):
        return client.status(job).status.is_terminal
    return False


def test_redis_that_cannot_come_back_ends_the_system_with_the_place_of_its_log(system: System) -> None:
    killed = redis_of(system)
    (system.data_dir / "redis" / "redis.conf").write_text("no such directive\n")
    os.kill(killed, signal.SIGKILL)
    refused: list[str] = []

    def is_lost() -> bool:
        try:
            system.check()
        except Unavailable as error:
            refused.append(error.message)
        return bool(refused)

    wait_until(is_lost, timeout_s=LOST_S, what="the system to give up")
    assert "the embedded Redis stopped, and does not start again" in refused[0]
    assert "redis.log" in refused[0]
