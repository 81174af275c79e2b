"""Child processes that never outlive their parent."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


class Spawner:
    """Starts processes that get SIGTERM when this process dies, however it dies. Linux only; elsewhere they stay.

    The kernel watches the thread that started a child, so one thread starts them all and stays until `close`.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="spawner")

    def spawn(
        self,
        arguments: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        output: Path | None = None,
        keep_fds: Sequence[int] = (),
    ) -> subprocess.Popen[bytes]:
        """Start a process in a session of its own, so that Ctrl-C reaches only this one, which drains the others.

        What it prints is added to the file `output`, or comes out here.
        """
        return self._thread.submit(self._spawn, arguments, environment, output, keep_fds).result()

    def close(self) -> None:
        """End the thread; what still runs is told to stop."""
        self._thread.shutdown()

    @staticmethod
    def _spawn(
        arguments: Sequence[str], environment: Mapping[str, str] | None, output: Path | None, keep_fds: Sequence[int]
    ) -> subprocess.Popen[bytes]:
        log = output.open("ab") if output else None
        try:
            return subprocess.Popen(
                arguments,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                pass_fds=keep_fds,
                preexec_fn=_die_with(os.getpid()),
            )
        finally:
            if log:
                log.close()


def _die_with(parent: int) -> Callable[[], None]:
    def before_exec() -> None:
        if sys.platform != "linux":
            return
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it died in between
            os._exit(0)

    return before_exec
