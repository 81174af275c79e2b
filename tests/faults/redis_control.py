"""What can go wrong with a real Redis server: killed, frozen, full, read-only, loading, emptied, shortened."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from redis import Redis
from redis.exceptions import BusyLoadingError

from tests.servers.process import wait_until
from tests.servers.redis import Fsync, RedisServer, redis_server

LOADED_S = 60.0
_BALLAST_DATABASE = 15
_BALLAST_KEYS = 200
_NOBODY = ("127.0.0.1", "1")  # a master that is never there: port 1 belongs to tcpmux, which nobody runs


class RedisControl:
    """Faults of one server. Each has its opposite; `heal` is all of them, and starts it when it is dead."""

    def __init__(self, server: RedisServer) -> None:
        self.server = server
        # No retries: a control connection that breaks must say so.
        self.client: Redis = Redis.from_url(server.url, socket_timeout=10, decode_responses=True)

    def kill_and_restart(self) -> None:
        self.server.restart()
        self.wait_loaded()

    def kill(self) -> None:
        self.server.kill()

    def pause(self) -> None:
        self.server.pause()

    def resume(self) -> None:
        self.server.resume()

    def drop_connections(self) -> int:
        """Close every client's connection but this one; how many there were."""
        return int(self.client.client_kill_filter(_type="normal", skipme=True))

    def fill(self) -> None:
        """From now on every write that needs memory is refused with OOM."""
        self._configure("maxmemory-policy", "noeviction")
        self._configure("maxmemory", "1")

    def empty(self) -> None:
        """Take the limit away."""
        self._configure("maxmemory", "0")

    def become_read_only(self) -> None:
        """A replica whose master is gone: reads are answered, writes refused with READONLY."""
        self.client.replicaof(*_NOBODY)

    def become_writable(self) -> None:
        self.client.replicaof("NO", "ONE")

    def flush(self, database: int) -> None:
        """Lose one database, as an eviction or a mistake does."""
        with Redis.from_url(self.server.database_url(database)) as client:
            client.flushdb()

    def lose_tail(self, size_bytes: int) -> int:
        """Kill it, cut what was appended last off its file, and start it again; how many bytes were lost.

        That is what a loss of power does to `everysec`. Only commands that were wholly on disk come back.
        """
        self.server.kill()
        log = self._append_log()
        kept = max(0, log.stat().st_size - size_bytes)
        lost = log.stat().st_size - kept
        with log.open("r+b") as file:
            file.truncate(kept)
        self.server.restart()
        self.wait_loaded()
        return lost

    def restart_loading(self, *, at_least_s: float) -> None:
        """Restart it so that loading takes this long; it answers LOADING meanwhile. Needs an append log."""
        self._write_ballast()
        self.client.bgrewriteaof()
        wait_until(self._is_rewritten, lambda: "the append log was not rewritten")
        delay_us = int(at_least_s * 1_000_000 / _BALLAST_KEYS)
        # It looks at its clients after so many bytes, at least 1024, and waits after each key.
        options = ("--key-load-delay", str(delay_us), "--loading-process-events-interval-bytes", "1024")
        self.server.restart(*options)

    def is_loading(self) -> bool:
        try:
            self.client.ping()
        except BusyLoadingError:
            return True
        return False

    def wait_loaded(self) -> None:
        wait_until(lambda: not self.is_loading(), lambda: "Redis is still loading", timeout_s=LOADED_S)

    def heal(self) -> None:
        """Whatever was done to it, it answers and takes writes again."""
        if self.server.is_running():
            self.server.resume()
        else:
            self.server.restart()
        self.wait_loaded()
        self.empty()
        self.become_writable()

    def close(self) -> None:
        self.client.close()

    def _configure(self, name: str, value: str) -> None:
        self.client.config_set(name, value)

    def _write_ballast(self) -> None:
        """Keys in a database that nobody uses: large enough that loading any of them is noticed."""
        with Redis.from_url(self.server.database_url(_BALLAST_DATABASE)) as client:
            client.flushdb()
            client.mset({f"ballast:{number}": os.urandom(1024) for number in range(_BALLAST_KEYS)})

    def _is_rewritten(self) -> bool:
        state = self.client.info("persistence")
        return not state["aof_rewrite_in_progress"] and not state["aof_rewrite_scheduled"]

    def _append_log(self) -> Path:
        """The part of the append log that is being written; the others are its rewritten beginning."""
        parts = list((self.server.folder / "appendonlydir").glob("*.incr.aof"))
        return max(parts, key=lambda part: part.stat().st_mtime_ns)


@contextmanager
def redis_control(*, fsync: Fsync | None = "always") -> Iterator[RedisControl]:
    """A server of one's own to break, gone afterwards."""
    with redis_server(fsync=fsync) as server:
        control = RedisControl(server)
        try:
            yield control
        finally:
            control.close()
