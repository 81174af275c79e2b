"""The job store for the reconciler, in Redis."""

from __future__ import annotations

from itertools import chain

from producer.backends.redis_store.connection import PREFIX, Connection, available
from producer.backends.redis_store.rows import row_of
from producer.contract.jobs import JobRecord


class RedisUpkeep:
    """`Upkeep` in Redis."""

    def __init__(self, connection: Connection) -> None:
        self._redis = connection

    def due(self, *, limit: int) -> list[str]:
        return self._redis.due(f"{PREFIX}due", limit)

    def revisit(self, due: str) -> str | None:
        return str(self._redis.run("revisit", due)) or None

    def backlog(self) -> list[str]:
        return self._redis.run_list("backlog")

    def outdated(self, *, limit: int) -> list[str]:
        return self._redis.due(f"{PREFIX}keep", limit)

    def mark_swept(self, job_id: str) -> None:
        with available():
            self._redis.client.zrem(f"{PREFIX}keep", job_id)
            self._redis.client.zrem(f"{PREFIX}dead", job_id)

    def restore(self, record: JobRecord, *, retention_s: int) -> bool:
        fields = chain.from_iterable(row_of(record).items())
        return self._redis.run("restore", record.job.id, retention_s * 1000, *fields) == "restored"

    def lead(self, role: str, holder: str, *, lease_s: float) -> bool:
        key, lease_ms = f"{PREFIX}leader:{role}", int(lease_s * 1000)
        with available():
            if self._redis.client.set(key, holder, nx=True, px=lease_ms):
                return True
            if self._redis.client.get(key) != holder:
                return False
            return bool(self._redis.client.pexpire(key, lease_ms))
