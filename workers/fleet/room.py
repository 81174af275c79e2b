"""How many processes a node on the CPU starts where nobody says: as many as there is room for."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import psutil

MOST_PROCESSES = 64
# A process with `default` peaks at 1.0 to 1.4 GB over pages of all sizes, see docs/performance.md; one more engine, for
# jobs that choose, has 0.3 to 1.
PROCESS_BYTES = 2 << 30
_MEMORY_LIMIT = Path("/sys/fs/cgroup/memory.max")


def cpu_processes(threads: int, *, memory: int) -> int:
    """The processes of a node on the CPU: one for each of its threads that has memory. `memory`: free for them, bytes.

    Processes of one thread each read more pages in the same time than one of many threads, and each page in more.
    """
    return max(1, min(threads, memory // PROCESS_BYTES, MOST_PROCESSES))


def available_memory(limit: Path = _MEMORY_LIMIT) -> int:
    """What processes that start now may use, bytes: what is free here, at most what the container may have."""
    free = int(psutil.virtual_memory().available)
    with suppress(OSError, ValueError):  # no container, or "max"
        free = min(free, int(limit.read_text()))
    return free
