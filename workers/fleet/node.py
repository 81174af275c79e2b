"""Becoming a Celery node: the environment that pins it, then exec."""

from __future__ import annotations

import os
import sys

import typer

from producer.connect import addresses
from producer.contract import names
from producer.contract.errors import InvalidRequest, Unavailable
from producer.contract.fleet import AUTO
from producer.contract.names import kind_of
from producer.misspelt import warn_of_misspelt
from producer.settings import load_settings
from workers.engine_options import check_engine_options
from workers.fleet.devices import DEVICE, count_of, detect, exact
from workers.fleet.pinning import NotVisible, own_cores, visible_devices
from workers.fleet.room import available_memory, cpu_processes
from workers.settings import ALL_SETTINGS, WorkerSettings


def run_node(*, device: str, processes: int | None, role: str) -> None:
    """Replace this process by the Celery node. Exits with status 2 or 3 when it cannot be.

    processes: None: for a device what the settings say or there is room for, for the io role one.
    """
    if role not in ("device", "io"):
        _refuse(f"--role is `device` or `io`, not {role!r}", status=2)
    worker = WorkerSettings()
    if not worker.supervised:
        warn_of_misspelt(os.environ, *ALL_SETTINGS)
    if device == AUTO:
        device = detect(worker.device_dir)[0]
    try:
        device = checked(device, worker)
        processes = processes or (_room_for(device, worker) if role == "device" else 1)
        pinned = node_environment(device=device, processes=processes, role=role)
        settings = load_settings()
        addresses(settings)
        if role == "device":
            check_engine_options(settings, worker)
    except (InvalidRequest, NotVisible) as error:
        _refuse(str(error), status=2)
    except Unavailable as error:
        _refuse(error.message, status=3)
    arguments = celery_arguments(device=pinned["OCRFLEET_WORKER_DEVICE"], role=role)
    os.execve(sys.executable, [sys.executable, *arguments], os.environ | pinned)


def _room_for(device: str, worker: WorkerSettings) -> int:
    """The processes of a device's node, where the command does not say how many."""
    if worker.processes or device != "cpu":
        return worker.processes or 1
    return cpu_processes(own_cores(worker.cores).threads, memory=available_memory())


def checked(device: str, worker: WorkerSettings) -> str:
    """The device with its number. Raises: InvalidRequest: it is no device, or not on this machine."""
    if not DEVICE.fullmatch(device):
        raise InvalidRequest(f"{device!r} is no device; say `cpu`, `gpu`, `gpu:0`, `npu:0`, or `auto`")
    numbered, kind = exact(device), kind_of(device)
    count = count_of(kind, worker.device_dir)
    if kind != "cpu" and int(numbered.partition(":")[2]) >= count:
        raise InvalidRequest(
            f"{numbered} is not on this machine: {count} of its kind found in {worker.device_dir}; install its driver, "
            "give it to the container, or set OCRFLEET_WORKER_DEVICE_DIR"
        )
    return numbered


def node_environment(*, device: str, processes: int, role: str) -> dict[str, str]:
    """What the node and its children read before any runtime is imported. Raises: NotVisible."""
    return {
        "OCRFLEET_WORKER_ROLE": role,
        "OCRFLEET_WORKER_DEVICE": device,
        "OCRFLEET_WORKER_PROCESSES": str(processes),
        # What SIGTERM means once the time of drain.py is over: put back what is worked on, and end.
        "REMAP_SIGTERM": "SIGQUIT",
        **visible_devices(device, os.environ),
    }


def celery_arguments(*, device: str, role: str) -> list[str]:
    name = "ocr.io" if role == "io" else names.queue_of(device)
    queues = names.QUEUES_OF_IO if role == "io" else names.queues_served_by(device)
    return [
        *("-m", "celery", "--app", "workers.app", "--quiet", "worker", "--loglevel", "WARNING"),
        *("--hostname", f"{name}.{os.getpid()}@%h", "--queues", ",".join(queues)),
        # Gossip, mingle and heartbeats are chatter over pub/sub that this system does not read.
        *("--without-gossip", "--without-mingle", "--without-heartbeat"),
    ]


def _refuse(message: str, *, status: int) -> None:
    typer.echo(f"error: {message}", err=True)
    raise typer.Exit(status)
