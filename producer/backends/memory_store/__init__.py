"""The job store in the memory of one process: for tests and for trying things out; gone with its process."""

from __future__ import annotations

import time
from collections.abc import Callable

from producer.backends.memory_store.callers import MemoryJobs
from producer.backends.memory_store.fleet import MemoryFleet
from producer.backends.memory_store.keepers import MemoryOutbox, MemoryUpkeep
from producer.backends.memory_store.keys import MemoryKeys
from producer.backends.memory_store.state import State
from producer.backends.memory_store.workers import MemoryLeases

__all__ = ["MemoryJobStore"]


class MemoryJobStore:
    """The twin of `RedisJobStore`, with its semantics and without its server. Safe to share between threads.

    now: a clock, seconds since the epoch.
    """

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        state = State(now)
        self.jobs = MemoryJobs(state)
        self.leases = MemoryLeases(state)
        self.upkeep = MemoryUpkeep(state)
        self.outbox = MemoryOutbox(state)
        self.keys = MemoryKeys(state)
        self.fleet = MemoryFleet(state)

    def ping(self) -> None:
        """Memory always answers."""

    def close(self) -> None:
        """Nothing is held."""
