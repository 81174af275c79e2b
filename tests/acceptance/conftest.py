"""The whole system as processes, and a look at what is left of it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from producer.client import OcrFleetClient
from workers.demo.receiver import Receiver, receiving
from workers.fleet.supervisor import System

SECRET = "whsec_" + "c2VjcmV0" * 6


@contextmanager
def running(folder: Path, *, devices: Sequence[str] = ("cpu",), **settings: str) -> Iterator[System]:
    environment = {"OCRFLEET_WEBHOOK_SECRET": SECRET, "OCRFLEET_ALLOW_PRIVATE_URLS": "true", **settings}
    with System(data_dir=folder, port=0, processes=1, devices=devices, environment=environment) as system:
        yield system


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    folder = tmp_path_factory.mktemp("system")
    with running(folder) as system:
        yield system
    nothing_is_left(folder)


@pytest.fixture
def client(system: System) -> Iterator[OcrFleetClient]:
    with OcrFleetClient(system.server) as client:
        yield client


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving(SECRET) as receiver:
        yield receiver


def processes(folder: Path) -> dict[int, str]:
    """Every process whose environment or arguments name the folder, besides this one: its command line by its id."""
    needle = str(folder).encode()
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            command = (entry / "cmdline").read_bytes()
            environment = (entry / "environ").read_bytes()
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
        if needle in environment + command:
            found[int(entry.name)] = command.replace(b"\0", b" ").decode()
    return found


def nothing_is_left(folder: Path, *, within_s: float = 10.0) -> None:
    """Fail if a process of the folder stays.

    What watches a pool of processes ends by itself once the pool has: a moment later, on a busy machine.
    """
    deadline = time.monotonic() + within_s
    while left := processes(folder):
        if time.monotonic() > deadline:
            pytest.fail(f"after {within_s:g} s there is still {list(left.values())}")
        time.sleep(0.02)


def wait_until(condition: Callable[[], bool], *, timeout_s: float, what: str) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"waited {timeout_s:g} s for {what}")
        time.sleep(0.02)
