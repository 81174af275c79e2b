"""The nodes of one machine: one for each device, and cores of its own for each that computes on the CPU."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass

from workers.fleet.pinning import Cores, cpu_quota, share_of_cores
from workers.fleet.room import cpu_processes


@dataclass(frozen=True, kw_only=True, slots=True)
class NodePlan:
    """How to start one node: its processes, and what its environment has besides."""

    device: str
    processes: int
    environment: dict[str, str]

    @property
    def arguments(self) -> list[str]:
        """Those of `ocrfleet`."""
        return ["worker", "--device", self.device, "--processes", str(self.processes)]


def node_plans(devices: Sequence[str], *, processes: int | None, memory: int) -> list[NodePlan]:
    """A node on each device, of so many `processes`; None: as many as there is room for.

    On an accelerator that is one. `cpu` may be named several times: each has a share of the cores, and of the `memory`
    that is free, in bytes.
    """
    on_cpu = [number for number, device in enumerate(devices) if device == "cpu"]
    plans = []
    for number, device in enumerate(devices):
        own, environment = 1, {}
        if device == "cpu":
            share = core_share(on_cpu.index(number), len(on_cpu))
            own, environment = cpu_processes(share.threads, memory=memory // len(on_cpu)), cores_told(share)
        plans.append(NodePlan(device=device, processes=processes or own, environment=environment))
    return plans


def core_share(slot: int, nodes: int) -> Cores:
    """The cores of CPU node number `slot` of so many on this machine."""
    return share_of_cores(slot, nodes, allowed=sorted(os.sched_getaffinity(0)), quota=cpu_quota())


def cores_told(share: Cores) -> dict[str, str]:
    """What tells a node its cores; nothing where they cannot be told apart."""
    return {"OCRFLEET_WORKER_CORES": json.dumps(share.numbers)} if share.numbers else {}
