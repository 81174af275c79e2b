"""API keys in memory."""

from __future__ import annotations

from producer.backends.memory_store.state import State
from producer.contract.keys import KeyRow

_MINUTE_S = 60


class MemoryKeys:
    """`Keys` in memory."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._rows: dict[str, KeyRow] = {}
        self._used_until: dict[str, float] = {}

    def add(self, row: KeyRow) -> None:
        with self._state.lock:
            self._rows[row.api_key.id] = row

    def find(self, key_id: str) -> KeyRow | None:
        with self._state.lock:
            return self._rows.get(key_id)

    def rows(self) -> list[KeyRow]:
        with self._state.lock:
            return sorted(self._rows.values(), key=lambda row: (row.api_key.created_at, row.api_key.id))

    def remove(self, key_id: str) -> bool:
        with self._state.lock:
            return self._rows.pop(key_id, None) is not None

    def admit(self, key_id: str, *, per_minute: int) -> float:
        with self._state.lock:
            now = self._state.now()
            used_until = max(now, self._used_until.get(key_id, 0.0))
            burst = max(1, per_minute // 10) - 1
            wait_s = used_until - now - burst * _MINUTE_S / per_minute
            if wait_s > 0:
                return wait_s
            self._used_until[key_id] = used_until + _MINUTE_S / per_minute
            return 0
