"""The HTTP API as a process of its own, which can be killed."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.faults.bench import LATEST_S, ROOT
from tests.servers.process import ServerProcess, free_port, wait_until


class ApiProcess:
    """`ocrfleet api` on a port that stays the same over restarts."""

    def __init__(self, folder: Path, *, redis_url: str, store_url: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._folder = folder
        self._environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "OCRFLEET_REDIS_URL": redis_url,
            "OCRFLEET_STORE_URL": store_url,
            "OCRFLEET_DATA_DIR": str(folder),
        }
        self._process = self._start()

    def kill(self) -> None:
        self._process.kill()

    def terminate(self) -> None:
        """Ask it to stop."""
        os.kill(self._process.pid, signal.SIGTERM)

    def wait_gone(self, *, timeout_s: float) -> None:
        """Return once it has stopped. Raises: RuntimeError."""
        wait_until(lambda: not self._process.is_running(), lambda: "the API goes on", timeout_s=timeout_s)

    def restart(self) -> None:
        self.kill()
        self._process = self._start()

    def _start(self) -> ServerProcess:
        command = [sys.executable, "-m", "workers", "api", "--port", str(self.port)]
        log = self._folder / f"api-{time.monotonic_ns()}.log"
        process = ServerProcess(command, log, self._environment)
        process.wait_until(self._answers, timeout_s=LATEST_S)
        return process

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/health/live", timeout=2, trust_env=False).is_success
        except httpx.HTTPError:
            return False


@contextmanager
def api_process(folder: Path, *, redis_url: str, store_url: str) -> Iterator[ApiProcess]:
    api = ApiProcess(folder, redis_url=redis_url, store_url=store_url)
    try:
        yield api
    finally:
        api.kill()
