"""Several nodes under one supervisor: each on its own cores, looked after, drained under load."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from producer.client import OcrFleetClient
from producer.contract.errors import InvalidRequest
from producer.contract.fleet import FleetWorker, WorkerState
from producer.contract.jobs import JobState
from tests.acceptance.conftest import nothing_is_left, running, wait_until
from tests.faults.commands import document, sleep
from tests.faults.engine import DIR_VARIABLE
from tests.integration.recording_engine import records
from workers.fleet.supervisor import System

READY_S, DONE_S = 90.0, 90.0


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """`ocrfleet up --devices cpu,cpu` with the recording engine, and little patience."""
    folder = tmp_path_factory.mktemp("fleet")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OCRFLEET_WORKER_STALL_S", "2")  # the supervisor's own
        engine = "tests.integration.recording_engine:RecordingEngine"
        settings = {
            DIR_VARIABLE: str(folder),
            "OCRFLEET_WORKER_ENGINE": engine,
            "OCRFLEET_WORKER_STOP_S": "12",
            "OCRFLEET_WORKER_BEAT_S": "0.5",
        }
        with running(folder, devices=("cpu", "cpu"), **settings) as system:
            yield system
    nothing_is_left(folder)


@pytest.fixture
def client(fleet: System) -> Iterator[OcrFleetClient]:
    with OcrFleetClient(fleet.server) as client:
        ready(client)
        yield client


def ready(client: OcrFleetClient, *, without: frozenset[str] = frozenset()) -> list[FleetWorker]:
    """Both workers, once they take work and none is of the nodes `without`."""
    found: list[FleetWorker] = []

    def both() -> bool:
        found[:] = [one for one in client.fleet().workers if one.state in (WorkerState.READY, WorkerState.BUSY)]
        return len(found) == 2 and not {one.node for one in found} & without

    wait_until(both, timeout_s=READY_S, what="two workers")
    return found


def main_of(worker: FleetWorker) -> int:
    return int(worker.node.rpartition("/")[2])


def test_two_cpu_nodes_share_the_cores_and_the_work(fleet: System, client: OcrFleetClient) -> None:
    assert len({worker.node for worker in ready(client)}) == 2
    cores = [core for record in records(fleet.data_dir) for core in record.cores]
    if len(os.sched_getaffinity(0)) > 1:
        assert sorted(cores) == sorted(os.sched_getaffinity(0))
    job = client.submit(document([sleep(0.05)] * 40))
    assert client.wait(job.id, timeout_s=DONE_S).status is JobState.SUCCEEDED
    wait_until(
        lambda: all(worker.pages_done >= 8 for worker in client.fleet().workers), timeout_s=10, what="both to have read"
    )


def test_a_node_that_is_drained_under_load_loses_nothing_and_interrupts_no_page(
    fleet: System, client: OcrFleetClient
) -> None:
    jobs = [client.submit(document([sleep(4)] * 4)).id for _ in range(2)]  # one unit, longer than the time to stop
    busy = [WorkerState.BUSY] * 2
    wait_until(lambda: [one.state for one in client.fleet().workers] == busy, timeout_s=DONE_S, what="both to read")
    leaving = ready(client)[0]
    os.kill(main_of(leaving), signal.SIGTERM)
    ended = [client.wait(job, timeout_s=DONE_S) for job in jobs]
    assert {job.status for job in ended} == {JobState.SUCCEEDED}
    assert {(job.progress.pages_done, job.progress.pages_failed, job.attempts) for job in ended} == {(4, 0, 1)}
    assert leaving.id not in {worker.id for worker in ready(client, without=frozenset({leaving.node}))}


def test_nodes_that_stand_still_while_work_waits_are_replaced_and_the_work_is_done(
    fleet: System, client: OcrFleetClient
) -> None:
    frozen = ready(client)
    for worker in frozen:
        os.kill(main_of(worker), signal.SIGSTOP)
    job = client.submit(document([sleep(0)]))
    assert client.wait(job.id, timeout_s=DONE_S).status is JobState.SUCCEEDED
    ready(client, without=frozenset(worker.node for worker in frozen))


def test_a_worker_that_is_killed_is_gone_from_the_fleet_and_replaced(fleet: System, client: OcrFleetClient) -> None:
    killed = ready(client)[0]
    os.kill(killed.pid, signal.SIGKILL)
    wait_until(
        lambda: killed.id not in {worker.id for worker in client.fleet().workers}, timeout_s=READY_S, what="its end"
    )
    ready(client)


def test_a_node_whose_only_child_is_recycled_stays_however_old_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OCRFLEET_WORKER_START_S", "30")  # the supervisor's own
    settings = {
        DIR_VARIABLE: str(tmp_path),
        "OCRFLEET_WORKER_ENGINE": "tests.integration.recording_engine:RecordingEngine",
        "OCRFLEET_WORKER_MAX_UNITS_PER_CHILD": "1",
    }
    with running(tmp_path, **settings) as system, OcrFleetClient(system.server) as client:
        wait_until(lambda: bool(states(client)), timeout_s=READY_S, what="a worker")
        [first] = client.fleet().workers
        time.sleep(31)  # from now on it is older than a start may take
        for _ in range(3):
            assert client.wait(client.submit(document([sleep(0)])).id, timeout_s=DONE_S).status is JobState.SUCCEEDED
            time.sleep(5)  # two looks of the supervisor; the next child imports for some seconds
        wait_until(lambda: bool(states(client)), timeout_s=READY_S, what="the last child")
        last = client.fleet().workers
        assert first.pid not in {one.pid for one in last}
        assert {one.node for one in last} == {first.node}
    nothing_is_left(tmp_path)


def states(client: OcrFleetClient) -> list[WorkerState]:
    """Those of the workers that are up."""
    return [one.state for one in client.fleet().workers if one.state is not WorkerState.STARTING]


def test_a_device_that_is_not_there_ends_the_start_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="gpu:0 is not on this machine"), running(tmp_path, devices=("gpu:0",)):
        pytest.fail("it started")
    nothing_is_left(tmp_path)
