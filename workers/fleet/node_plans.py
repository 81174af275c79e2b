"""The nodes of one machine: one for each device, and cores of its own for each that computes on the CPU. Pure."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass

from workers.fleet.pinning import cpu_quota, share_of_cores


@dataclass(frozen=True, kw_only=True, slots=True)
class NodePlan:
    """How to start one node: the arguments of `ocrfleet`, and what its environment has besides."""

    device: str
    arguments: list[str]
    environment: dict[str, str]


def node_plans(devices: Sequence[str], *, processes: int) -> list[NodePlan]:
    """A node of so many `processes` on each device. `cpu` may be named several times: each has a share of the cores."""
    on_cpu = [number for number, device in enumerate(devices) if device == "cpu"]
    return [
        NodePlan(
            device=device,
            arguments=["worker", "--device", device, "--processes", str(processes)],
            environment=core_share(on_cpu.index(number), len(on_cpu)) if device == "cpu" else {},
        )
        for number, device in enumerate(devices)
    ]


def core_share(slot: int, nodes: int) -> dict[str, str]:
    """What tells a CPU node, number `slot` of so many on this machine, which cores are its own; alone, it has all."""
    share = share_of_cores(slot, nodes, allowed=sorted(os.sched_getaffinity(0)), quota=cpu_quota())
    return {"OCRFLEET_WORKER_CORES": json.dumps(share.numbers)} if nodes > 1 and share.numbers else {}
