"""Becoming a Celery node: the environment that pins it, then exec."""

from __future__ import annotations

import os
import sys

import typer

from producer.connect import addresses
from producer.contract import names
from producer.contract.errors import Unavailable
from producer.settings import load_settings

_RUNNABLE = ("cpu",)  # devices that this version's engine can run on


def run_node(*, device: str, processes: int, role: str) -> None:
    """Replace this process by the Celery node. Exits with status 2 or 3 when it cannot be."""
    if role not in ("device", "io"):
        _refuse(f"--role is `device` or `io`, not {role!r}", status=2)
    if role == "device" and device not in _RUNNABLE:
        _refuse(f"this version runs on {', '.join(_RUNNABLE)}; {device!r} has no runtime yet", status=2)
    try:
        addresses(load_settings())
    except Unavailable as error:
        _refuse(error.message, status=3)
    environment = os.environ | node_environment(device=device, processes=processes, role=role)
    os.execve(sys.executable, [sys.executable, *celery_arguments(device=device, role=role)], environment)


def node_environment(*, device: str, processes: int, role: str) -> dict[str, str]:
    """What the node and its children read before any runtime is imported."""
    threads = str(max(1, len(os.sched_getaffinity(0)) // processes))
    return {
        "OCRFLEET_WORKER_ROLE": role,
        "OCRFLEET_WORKER_DEVICE": device,
        "OCRFLEET_WORKER_PROCESSES": str(processes),
        "OCRFLEET_WORKER_CPU_THREADS": threads,
        "OMP_NUM_THREADS": threads,
        "OPENBLAS_NUM_THREADS": threads,
        # SIGTERM means: finish within the soft shutdown time, then give the message back.
        "REMAP_SIGTERM": "SIGQUIT",
    }


def celery_arguments(*, device: str, role: str) -> list[str]:
    name = names.QUEUE_IO if role == "io" else names.queue_of(device)
    queues = names.QUEUES_OF_IO if role == "io" else names.queues_served_by(device)
    return [
        *("-m", "celery", "--app", "workers.app", "worker", "--loglevel", "WARNING"),
        *("--hostname", f"{name}.{os.getpid()}@%h", "--queues", ",".join(queues)),
        # Gossip, mingle and heartbeats are chatter over pub/sub that this system does not read.
        *("--without-gossip", "--without-mingle", "--without-heartbeat"),
    ]


def _refuse(message: str, *, status: int) -> None:
    typer.echo(f"error: {message}", err=True)
    raise typer.Exit(status)
