"""Real Celery nodes of ours as processes: started, watched, frozen, killed by part or whole, and never left behind."""

from __future__ import annotations

import os
import re
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Literal, Self, TypeAlias

from tests.faults.engine import DIR_VARIABLE
from tests.servers.process import ServerProcess, wait_until

Role: TypeAlias = Literal["device", "io"]

STAND_IN = "tests.faults.engine:StandInEngine"
ROOT = Path(__file__).parents[2]
READY_S = 60.0  # a node imports for 3 s on two idle cores; a loaded machine may need much longer
GONE_S = 60.0
_CHILD_MARK = b"billiard.spawn"  # in the command line of a spawned child, and not in that of its semaphore tracker
# Events in the log of a node: one a child, and one for the node itself.
_CHILD_READY = re.compile(r"child_ready.*\bpid\W+(\d+)")
_NODE_READY = "worker_ready"


class Node:
    """One `ocrfleet worker`: its main process, its children, its log. A context manager; killed whole on exit."""

    def __init__(
        self, role: Role, folder: Path, environment: Mapping[str, str], *, processes: int = 1, device: str = "cpu"
    ) -> None:
        """Start it. `environment` is added to this process's own; `folder` takes the log."""
        self.role = role
        self._children = processes
        self.log = folder / f"{role}-{time.monotonic_ns()}.log"
        command = [sys.executable, "-m", "workers", "worker", "--role", role, "--processes", str(processes)]
        command += ["--device", device]
        path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
        self._process = ServerProcess(command, self.log, {**os.environ, "PYTHONPATH": path, **environment})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill_group()

    @property
    def main(self) -> int:
        """The id of the main process, which is that of the group."""
        return self._process.pid

    def children(self) -> list[int]:
        """The processes that do the work, oldest first; empty while a killed one is replaced."""
        return sorted(pid for pid in _descendants(self.main) if _CHILD_MARK in _command(pid))

    def group(self) -> list[int]:
        """Everything that belongs to the node, also when its main process is dead."""
        return [pid for pid in _processes() if _group_of(pid) == self.main]

    def is_running(self) -> bool:
        return self._process.is_running()

    @property
    def status(self) -> int | None:
        """What the main process ended with; None: it runs."""
        return self._process.status()

    def ready_children(self) -> list[int]:
        """Those that have told the log that they take work."""
        told = {int(pid) for pid in _CHILD_READY.findall(self.log.read_text(errors="replace"))}
        return [pid for pid in self.children() if pid in told]

    def wait_ready(self) -> Self:
        """Return once it consumes and every child is up. Raises: RuntimeError, with the end of its log."""
        self._process.wait_until(
            lambda: self.count(_NODE_READY) > 0 and len(self.ready_children()) >= self._children, timeout_s=READY_S
        )
        return self

    def wait_new_child(self, former: int) -> int:
        """The id of a child that is up and is not `former`. Raises: RuntimeError."""
        self._process.wait_until(lambda: bool(set(self.ready_children()) - {former}), timeout_s=READY_S)
        return (set(self.ready_children()) - {former}).pop()

    def count(self, event: str) -> int:
        """How often the log names the event."""
        return self.log.read_text(errors="replace").count(event)

    def kill_child(self) -> int:
        """SIGKILL the oldest child; its id. Raises: RuntimeError: there is none."""
        wait_until(lambda: bool(self.children()), lambda: "the node has no child", timeout_s=READY_S)
        child = self.children()[0]
        os.kill(child, signal.SIGKILL)
        return child

    def kill_main(self) -> None:
        """SIGKILL the main process alone."""
        os.kill(self.main, signal.SIGKILL)

    def kill_group(self) -> None:
        """SIGKILL everything at once. Safe to repeat, and works when the main process is gone already."""
        for pid in self.group():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.kill()

    def pause(self) -> None:
        """Freeze everything, as a swapped-out or migrated machine does."""
        self._process.pause()

    def resume(self) -> None:
        self._process.resume()

    def pause_child(self) -> int:
        """Freeze the oldest child alone; its id, for SIGCONT."""
        child = self.children()[0]
        os.kill(child, signal.SIGSTOP)
        return child

    def signal_main(self, number: signal.Signals) -> None:
        os.kill(self.main, number)

    def wait_gone(self, *, timeout_s: float = GONE_S) -> None:
        """Return once nothing of it runs. Raises: RuntimeError."""
        wait_until(
            lambda: not self.is_running() and not self.group(),
            lambda: f"still there: {[_command(pid) for pid in self.group()]}",
            timeout_s=timeout_s,
        )

    def tail(self, lines: int = 40) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


def stand_in(folder: Path) -> dict[str, str]:
    """What makes a device node use the stand-in engine, with `folder` as its desk."""
    return {"OCRFLEET_WORKER_ENGINE": STAND_IN, DIR_VARIABLE: str(folder)}


@contextmanager
def nothing_left(folder: Path) -> Iterator[None]:
    """Fails when a process that names `folder` in its environment outlives the block by more than `GONE_S`."""
    yield

    def left() -> list[bytes]:
        needle = str(folder).encode()
        return [_command(pid) for pid in _processes() if pid != os.getpid() and needle in _proc(pid, "environ")]

    wait_until(lambda: left() == [], lambda: f"left behind: {left()}", timeout_s=GONE_S)


def _processes() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _descendants(root: int) -> list[int]:
    """Children and their children."""
    parents = {pid: _stat(pid)[1:2] for pid in _processes()}
    found, row = [], [root]
    while row:
        row = [pid for pid, parent in parents.items() if parent and int(parent[0]) in row]
        found += row
    return found


def _group_of(pid: int) -> int | None:
    stat = _stat(pid)
    return int(stat[2]) if stat else None


def _stat(pid: int) -> list[str]:
    """The fields of proc(5)'s stat behind the name: state, parent, group. None of a dead process, also unburied."""
    fields = _proc(pid, "stat").rpartition(b")")[2].decode().split()
    return [] if fields[:1] in (["Z"], ["X"]) else fields


def _command(pid: int) -> bytes:
    return _proc(pid, "cmdline").replace(b"\0", b" ")


def _proc(pid: int, name: str) -> bytes:
    """A file of a process; empty when it ended or belongs to somebody else."""
    try:
        return (Path("/proc") / str(pid) / name).read_bytes()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return b""
