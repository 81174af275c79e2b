"""How many processes a node has where nobody says, and what of the machine each of several nodes has."""

from __future__ import annotations

import os
from pathlib import Path

import psutil
import pytest

from workers.fleet.node_plans import core_share, node_plans
from workers.fleet.room import PROCESS_BYTES, available_memory, cpu_processes

MANY = 1 << 50


@pytest.mark.parametrize(
    ("threads", "memory", "processes"),
    [
        (4, MANY, 4),
        (16, 3 * PROCESS_BYTES + 1, 3),
        (16, PROCESS_BYTES // 2, 1),  # it is tried: pages may be small
        (1, MANY, 1),
        (256, MANY, 64),
    ],
)
def test_a_process_for_each_core_that_has_memory(threads: int, memory: int, processes: int) -> None:
    assert cpu_processes(threads, memory=memory) == processes


def test_the_memory_of_a_container_is_what_it_may_have(tmp_path: Path) -> None:
    limit = tmp_path / "memory.max"
    limit.write_text("1073741824\n")
    assert available_memory(limit) == 1 << 30


def test_memory_without_a_limit_is_what_is_free(tmp_path: Path) -> None:
    limit = tmp_path / "memory.max"
    limit.write_text("max\n")
    for path in (limit, tmp_path / "missing"):
        assert 0 < available_memory(path) <= psutil.virtual_memory().total


def test_nodes_of_one_machine_share_its_cores_and_its_memory() -> None:
    cores = len(os.sched_getaffinity(0))
    [alone] = node_plans(["cpu"], processes=None, memory=MANY)
    several = node_plans(["gpu:0", *["cpu"] * cores], processes=None, memory=MANY)
    assert alone.processes == min(core_share(0, 1).threads, 64)
    assert [plan.processes for plan in several] == [1] * (cores + 1)
    [first, second] = node_plans(["cpu", "cpu"], processes=None, memory=PROCESS_BYTES)
    assert (first.processes, second.processes) == (1, 1)


def test_processes_that_are_said_are_those_of_each_node() -> None:
    plans = node_plans(["cpu", "gpu:0"], processes=3, memory=0)
    assert [plan.processes for plan in plans] == [3, 3]
    assert plans[0].arguments == ["worker", "--device", "cpu", "--processes", "3"]
