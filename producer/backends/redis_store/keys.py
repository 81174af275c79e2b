"""API keys, in Redis."""

from __future__ import annotations

from producer.backends.redis_store.connection import PREFIX, Connection, available
from producer.contract.keys import KeyRow

_KEYS = f"{PREFIX}keys"


class RedisKeys:
    """`Keys` in Redis: one hash of rows, and for each key that is bounded the time up to which it is used up."""

    def __init__(self, connection: Connection) -> None:
        self._redis = connection

    def add(self, row: KeyRow) -> None:
        with available():
            self._redis.client.hset(_KEYS, row.api_key.id, row.model_dump_json())

    def find(self, key_id: str) -> KeyRow | None:
        with available():
            row = self._redis.client.hget(_KEYS, key_id)
        return None if row is None else KeyRow.model_validate_json(row)

    def rows(self) -> list[KeyRow]:
        rows = (KeyRow.model_validate_json(row) for row in self._redis.hash(_KEYS).values())
        return sorted(rows, key=lambda row: (row.api_key.created_at, row.api_key.id))

    def remove(self, key_id: str) -> bool:
        with available():
            return bool(self._redis.client.hdel(_KEYS, key_id))

    def admit(self, key_id: str, *, per_minute: int) -> float:
        return int(str(self._redis.run("admit", key_id, per_minute))) / 1_000_000
