"""The job store in Redis. The record is the truth: every change of state is one Lua script, times are Redis TIME."""

from __future__ import annotations

from producer.backends.redis_store.connection import PATIENT_S, PREFIX, Connection
from producer.backends.redis_store.fleet import RedisFleet
from producer.backends.redis_store.jobs import RedisJobs
from producer.backends.redis_store.keys import RedisKeys
from producer.backends.redis_store.leases import RedisLeases
from producer.backends.redis_store.outbox import RedisOutbox
from producer.backends.redis_store.upkeep import RedisUpkeep

__all__ = ["PREFIX", "RedisJobStore"]


class RedisJobStore:
    """Jobs, leases, upkeep, webhook outbox, API keys and fleet in one Redis database. Safe to share between threads.

    Every method raises `Unavailable` (retryable) while Redis is down, full, loading or read-only, or has hung for
    `within_s`.
    """

    def __init__(self, url: str, *, within_s: float = PATIENT_S) -> None:
        self._connection = Connection(url, within_s=within_s)
        self.jobs = RedisJobs(self._connection)
        self.leases = RedisLeases(self._connection)
        self.upkeep = RedisUpkeep(self._connection)
        self.outbox = RedisOutbox(self._connection)
        self.keys = RedisKeys(self._connection)
        self.fleet = RedisFleet(self._connection)

    def ping(self) -> None:
        self._connection.ping()

    def warnings(self) -> list[str]:
        """What about this Redis may lose jobs, and what to do about it. Raises: Unavailable."""
        return self._connection.warnings()

    def close(self) -> None:
        self._connection.close()
