"""Workers pinned to devices: what their processes find, what they tell, and which jobs come to them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from producer.connect import connect
from producer.contract.fleet import FleetWorker, WorkerState
from producer.contract.jobs import JobState
from producer.direct import Producer
from producer.settings import Settings
from tests.faults.commands import Command, document
from tests.faults.engine import DIR_VARIABLE
from tests.faults.nodes import Node, nothing_left
from tests.integration.recording_engine import DEVICE_VARIABLE, Record, records
from tests.servers.process import wait_until
from tests.servers.redis import redis_server

READY_S = 90.0
NODES: Mapping[str, int] = {"cpu": 2, "gpu:1": 2, "npu": 1}  # device to processes


@dataclass(frozen=True, kw_only=True, slots=True)
class Pinned:
    """A node of each kind on one Redis, all of them ready."""

    producer: Producer
    records: list[Record]
    workers: list[FleetWorker]

    def of(self, device: str) -> list[Record]:
        return [one for one in self.records if one.environment["OCRFLEET_WORKER_DEVICE"] == device]


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Of every node: a Redis, a store, two GPUs and an NPU."""
    folder = tmp_path_factory.mktemp("pinning")
    devices = folder / "dev"
    devices.mkdir()
    for name in ("nvidia0", "nvidia1", "nvidiactl", "davinci0"):
        (devices / name).touch()
    with redis_server() as server, nothing_left(folder):
        yield {
            "OCRFLEET_REDIS_URL": server.url,
            "OCRFLEET_STORE_URL": (folder / "objects").as_uri(),
            "OCRFLEET_WORKER_ENGINE": "tests.integration.recording_engine:RecordingEngine",
            "OCRFLEET_WORKER_DEVICE_DIR": str(devices),
            DIR_VARIABLE: str(folder),
        }


@pytest.fixture(scope="module")
def pinned(environment: dict[str, str]) -> Iterator[Pinned]:
    folder = Path(environment[DIR_VARIABLE])
    settings = Settings(redis_url=environment["OCRFLEET_REDIS_URL"], store_url=environment["OCRFLEET_STORE_URL"])
    producer = connect(settings)

    def ready() -> bool:
        workers = producer.fleet().workers
        return len(workers) == sum(NODES.values()) and {one.state for one in workers} == {WorkerState.READY}

    with ExitStack() as stack:
        stack.callback(producer.close)
        nodes = [
            stack.enter_context(Node("device", folder, environment, processes=processes, device=device))
            for device, processes in NODES.items()
        ]
        wait_until(ready, lambda: "\n".join(node.tail() for node in nodes), timeout_s=READY_S)
        yield Pinned(producer=producer, records=records(folder), workers=producer.fleet().workers)


def test_an_accelerator_process_sees_its_device_alone_and_calls_it_number_0(pinned: Pinned) -> None:
    gpus, [npu] = pinned.of("gpu:1"), pinned.of("npu:0")
    assert [one.environment["CUDA_VISIBLE_DEVICES"] for one in gpus] == ["1", "1"]
    assert {one.told[0] for one in gpus} == {"gpu:0"}
    assert (npu.environment["ASCEND_RT_VISIBLE_DEVICES"], npu.told[0]) == ("0", "npu:0")


def test_a_cpu_process_sees_no_gpu(pinned: Pinned) -> None:
    assert [one.environment["CUDA_VISIBLE_DEVICES"] for one in pinned.of("cpu")] == ["", ""]


def test_the_processes_of_a_cpu_node_share_its_cores_out_and_compute_with_as_many_threads(pinned: Pinned) -> None:
    first, second = pinned.of("cpu")
    allowed = sorted(os.sched_getaffinity(0))
    if len(allowed) > 1:
        assert sorted(first.cores + second.cores) == allowed
    for one in (first, second):
        assert one.told == ["cpu", len(one.cores)]
        assert one.environment["OMP_NUM_THREADS"] == one.environment["OPENBLAS_NUM_THREADS"] == str(len(one.cores))


def test_the_fleet_shows_each_process_on_the_device_it_is_pinned_to(pinned: Pinned) -> None:
    assert sorted((worker.device, worker.kind) for worker in pinned.workers) == [
        *[("cpu", "cpu")] * 2,
        *[("gpu:1", "gpu")] * 2,
        ("npu:0", "npu"),
    ]


@pytest.mark.parametrize(
    ("asked", "by"),
    [("cpu", "cpu"), ("gpu", "gpu:1"), ("gpu:1", "gpu:1"), ("npu", "npu:0"), ("npu:0", "npu:0")],
)
def test_a_job_comes_to_a_worker_of_the_device_it_asks_for(pinned: Pinned, asked: str, by: str) -> None:
    jobs = [pinned.producer.submit(document([Command()]), device=asked) for _ in range(6)]
    ended = [pinned.producer.wait(job.id, timeout_s=60) for job in jobs]
    assert {job.status for job in ended} == {JobState.SUCCEEDED}
    assert {job.device for job in ended} == {by}


def test_a_job_for_a_device_that_nobody_serves_waits_and_is_shown(pinned: Pinned) -> None:
    job = pinned.producer.submit(document([Command()]), device="gpu:0")
    [gpu] = [kind for kind in pinned.producer.fleet().kinds if kind.kind == "gpu"]
    assert (pinned.producer.status(job.id).status, gpu.waiting_pages) == (JobState.QUEUED, 1)
    pinned.producer.cancel(job.id)


def test_a_node_whose_engine_is_on_another_device_ends_instead_of_working_there(environment: dict[str, str]) -> None:
    folder = Path(environment[DIR_VARIABLE])
    with Node("device", folder, {**environment, DEVICE_VARIABLE: "cpu"}, device="gpu:0") as node:
        node.wait_gone(timeout_s=READY_S)
        assert node.count("runs on cpu, not on gpu:0") >= 1
