"""`ocrfleet autoscale` on one machine: nodes come and go as they are wanted, and no page is interrupted."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from producer.backends.redis_store import RedisJobStore
from producer.connect import connect
from producer.contract.fleet import FleetWorker, ScaleDecision, WorkerState
from producer.contract.jobs import JobState
from producer.direct import Producer
from producer.settings import Settings
from tests.faults.commands import document, sleep
from tests.faults.nodes import nothing_left, stand_in
from tests.servers.process import ServerProcess, wait_until
from tests.servers.redis import redis_server

CHANGED_S, DONE_S = 90.0, 60.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Scaled:
    """A local scaler with room for two nodes, and who decides: the test."""

    producer: Producer
    store: RedisJobStore
    log: Path

    def want(self, desired: int) -> None:
        self.store.fleet.decide(
            ScaleDecision(kind="cpu", waiting_pages=0, running_pages=0, seconds_of_work=0, desired_workers=desired),
            ttl_s=600,
        )

    def workers(self) -> list[FleetWorker]:
        return self.store.fleet.workers()

    def wait(self, *states: WorkerState) -> None:
        """Until there are workers in these states, and no others."""
        wait_until(
            lambda: sorted(one.state for one in self.workers()) == sorted(states),
            lambda: f"{self.workers()}\n{self.log.read_text()}",
            timeout_s=CHANGED_S,
        )


@pytest.fixture
def scaled(tmp_path: Path) -> Iterator[Scaled]:
    with redis_server() as server, nothing_left(tmp_path), ExitStack() as stack:
        settings = Settings(redis_url=server.url, store_url=(tmp_path / "objects").as_uri())
        environment = {
            **os.environ,
            **stand_in(tmp_path),
            "OCRFLEET_REDIS_URL": server.url,
            "OCRFLEET_STORE_URL": str(settings.store_url),
            "OCRFLEET_WORKER_STOP_S": "15",
            "OCRFLEET_WORKER_BEAT_S": "0.5",
        }
        command = [sys.executable, "-m", "workers", "autoscale", "--max", "2"]
        log = tmp_path / "scaler.log"
        process = ServerProcess(command, log, environment)
        producer, store = connect(settings), RedisJobStore(server.url)
        stack.callback(producer.close)
        stack.callback(store.close)
        scaled = Scaled(producer=producer, store=store, log=log)
        try:
            yield scaled
        finally:
            os.kill(process.pid, signal.SIGTERM)
            wait_until(lambda: not process.is_running(), log.read_text, timeout_s=CHANGED_S)


def test_nodes_come_when_wanted_and_there_is_room_and_go_after_their_page(scaled: Scaled) -> None:
    ready, busy = WorkerState.READY, WorkerState.BUSY
    scaled.want(50)  # it has room for two
    scaled.wait(ready, ready)
    assert len({one.node for one in scaled.workers()}) == 2
    jobs = [scaled.producer.submit(document([sleep(0.5)] * 12)).id for _ in range(2)]
    scaled.wait(busy, busy)
    scaled.want(1)
    ended = [scaled.producer.wait(job, timeout_s=DONE_S) for job in jobs]
    assert {job.status for job in ended} == {JobState.SUCCEEDED}
    assert {(job.progress.pages_done, job.attempts) for job in ended} == {(12, 1)}
    scaled.wait(ready)
    scaled.want(0)
    scaled.wait()
