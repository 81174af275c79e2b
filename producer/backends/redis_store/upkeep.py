"""The job store for the reconciler, in Redis."""

from __future__ import annotations

import json
from itertools import chain

from producer.backends.redis_store.connection import PREFIX, Connection, available
from producer.backends.redis_store.rows import json_or_empty, lost_row
from producer.contract.leases import LostJob, SubmitOutcome, Submitted


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
        self._redis.run("swept", job_id)

    def restore(self, lost: LostJob) -> Submitted:
        job = lost.record.job
        pages = {page: json_or_empty(error) for page, error in lost.pages.items()}
        outcome, job_id, ring = self._redis.run_list(
            "restore",
            *(job.id, lost.record.owner, job.idempotency_key or "", lost.fingerprint),
            *(int(lost.wait_s * 1000), int(lost.keep_s * 1000), int(lost.is_dead), int(job.status.is_terminal)),
            json.dumps(pages),
            *chain.from_iterable(lost_row(lost).items()),
        )
        return Submitted(job_id=job_id, outcome=SubmitOutcome(outcome), ring=ring or None)

    def lead(self, role: str, holder: str, *, lease_s: float) -> bool:
        key, lease_ms = f"{PREFIX}leader:{role}", int(lease_s * 1000)
        with available():
            if self._redis.client.set(key, holder, nx=True, px=lease_ms):
                return True
            if self._redis.client.get(key) != holder:
                return False
            return bool(self._redis.client.pexpire(key, lease_ms))
