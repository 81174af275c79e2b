"""One server process in a folder of its own: started, waited for, frozen, killed."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

READY_S = 30.0  # the slowest server needs 4 s on two idle cores; a loaded machine may need much longer
POLL_S = 0.02
FOLDER_PREFIX = "ocrfleet-test-"
# The kernel ties a child to the thread that started it, not to the process: start all of them from one
# thread that lives as long as the process.
_SPAWNER = ThreadPoolExecutor(1, thread_name_prefix="server-spawner")


class ServerProcess:
    """A command in its own process group; what it prints is in `log`."""

    def __init__(self, command: list[str], log: Path, environment: Mapping[str, str] | None = None) -> None:
        """`environment`: the whole of it; None: that of this process."""
        self._command = command
        self._log = log
        self._process = _SPAWNER.submit(_spawn, command, log, environment).result()

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait_until(self, is_ready: Callable[[], bool], *, timeout_s: float = READY_S) -> None:
        """Return once `is_ready`. Raises: RuntimeError, with the end of the log, when it dies or is late."""
        try:
            wait_until(lambda: self._process.poll() is not None or is_ready(), self._failure, timeout_s=timeout_s)
            if self._process.poll() is not None:
                raise RuntimeError(self._failure())
        except BaseException:
            self.kill()
            raise

    def is_running(self) -> bool:
        """Also when it is frozen."""
        return self._process.poll() is None

    def status(self) -> int | None:
        """What it ended with; None: it runs."""
        return self._process.poll()

    def pause(self) -> None:
        """Freeze it: connections are still accepted by the kernel and never answered."""
        os.killpg(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        os.killpg(self.pid, signal.SIGCONT)

    def kill(self) -> None:
        """Kill it and its children at once. Safe to repeat."""
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
            self._process.wait()

    def _failure(self) -> str:
        tail = "\n".join(self._log.read_text(errors="replace").splitlines()[-20:])
        state = f"exited with {self._process.returncode}" if self._process.returncode is not None else "is late"
        return f"{' '.join(self._command)} {state}:\n{tail}"


def wait_until(condition: Callable[[], bool], failure: Callable[[], str], *, timeout_s: float = READY_S) -> None:
    """Return once `condition` holds. Raises: RuntimeError: it did not within `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError(failure())
        time.sleep(POLL_S)


def free_port() -> int:
    """A port nobody listens on now. Another process may take it before its user does: servers then say so."""
    return free_ports(1)[0]


def free_ports(count: int) -> list[int]:
    """So many of them, which are not the same: each is held until the last one is found."""
    with ExitStack() as held:
        listeners = [held.enter_context(socket.socket()) for _ in range(count)]
        for listener in listeners:
            listener.bind(("127.0.0.1", 0))
        return [listener.getsockname()[1] for listener in listeners]


def accepts(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


@contextmanager
def scratch_folder(name: str, parent: Path | None = None) -> Iterator[Path]:
    """A new folder, removed on exit; those that killed test runs left behind are removed on entry."""
    base = parent or Path(tempfile.gettempdir())
    _remove_orphans(base)
    folder = Path(tempfile.mkdtemp(prefix=f"{FOLDER_PREFIX}{os.getpid()}-{name}-", dir=base))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _spawn(command: list[str], log: Path, environment: Mapping[str, str] | None) -> subprocess.Popen[bytes]:
    launcher = [sys.executable, str(Path(__file__).with_name("launch.py")), str(os.getpid())]
    with log.open("ab") as output:
        return subprocess.Popen(
            launcher + command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=log.parent,
            env=environment,
            start_new_session=True,
        )


def _remove_orphans(base: Path) -> None:
    for folder in base.glob(f"{FOLDER_PREFIX}*"):
        owner = folder.name.removeprefix(FOLDER_PREFIX).partition("-")[0]
        if owner.isdigit() and not _is_alive(int(owner)):
            shutil.rmtree(folder, ignore_errors=True)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
