"""Pinning a process to one device: what its environment and its scheduler say before any runtime is imported."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from producer.contract.names import kind_of

# What hides all other devices of its kind; the one that is left is number 0 to the process.
VISIBLE: Mapping[str, str] = MappingProxyType(
    {
        "gpu": "CUDA_VISIBLE_DEVICES",
        "npu": "ASCEND_RT_VISIBLE_DEVICES",
        "xpu": "XPU_VISIBLE_DEVICES",
        "mlu": "MLU_VISIBLE_DEVICES",
        "dcu": "HIP_VISIBLE_DEVICES",
    }
)
# Every library that computes on the CPU beside a runtime reads one of these when it is loaded.
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_CPU_QUOTA = Path("/sys/fs/cgroup/cpu.max")


class NotVisible(ValueError):
    """The device is outside of those that this environment leaves visible."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cores:
    """The processor's share of one process. `numbers` is empty where the kernel shares the cores out by time."""

    numbers: tuple[int, ...]
    threads: int


def visible_devices(device: str, environment: Mapping[str, str]) -> dict[str, str]:
    """The variable that leaves a process this one device of its kind; a CPU process gets no GPU.

    device: with its number, `gpu:1`, which counts among those that are visible already: the second of `2,3` is 3.
    Raises: NotVisible.
    """
    kind = kind_of(device)
    if kind == "cpu":
        # A runtime that finds a GPU takes memory there even when it is told to compute elsewhere.
        return {VISIBLE["gpu"]: ""}
    index, variable = int(device.partition(":")[2]), VISIBLE[kind]
    given = environment.get(variable)
    if given is None:
        return {variable: str(index)}
    ids = [one.strip() for one in given.split(",") if one.strip()]
    if index >= len(ids):
        raise NotVisible(f"{device} is number {index} of those that {variable}={given!r} leaves visible")
    return {variable: ids[index]}


def inside(device: str) -> str:
    """The name of the device in a process that sees no other of its kind."""
    kind = kind_of(device)
    return kind if kind == "cpu" else f"{kind}:0"


def share_of_cores(slot: int, processes: int, *, allowed: Sequence[int], quota: float | None) -> Cores:
    """The cores of process `slot`, counted from 0, of `processes` on the `allowed` ones; more processes take turns.

    quota: cores' worth of time that a container may use; below the number of cores, they cannot be told apart.
    """
    if quota is not None and quota < len(allowed):
        return Cores(numbers=(), threads=max(1, math.floor(quota / processes)))
    if processes >= len(allowed):
        return Cores(numbers=(allowed[slot % len(allowed)],), threads=1)
    begin, end = (number * len(allowed) // processes for number in (slot, slot + 1))
    return Cores(numbers=tuple(allowed[begin:end]), threads=end - begin)


def own_cores(cores: Sequence[int], *, slot: int = 0, processes: int = 1) -> Cores:
    """The share of process `slot` in the `cores` of its node; empty: in all that it may use."""
    allowed = sorted(cores or os.sched_getaffinity(0))
    return share_of_cores(slot, processes, allowed=allowed, quota=None if cores else cpu_quota())


def pin_process(slot: int, processes: int, *, cores: Sequence[int] = ()) -> Cores:
    """Keep this process to its share of the cores, and tell every library how many that are.

    Runs in a child before it imports any runtime. cores: those of the node; empty: all that it may use.
    """
    share = own_cores(cores, slot=slot, processes=processes)
    if share.numbers:
        os.sched_setaffinity(0, share.numbers)
    os.environ.update(dict.fromkeys(_THREADS, str(share.threads)))
    return share


def cpu_quota(path: Path = _CPU_QUOTA) -> float | None:
    """Cores' worth of time that the container may use, of cgroup v2; None: it is not limited."""
    try:
        quota, _, period = path.read_text().partition(" ")
    except OSError:  # no container, or not Linux
        return None
    return None if quota == "max" else int(quota) / int(period)
