"""Giving freed memory back to the system."""

from __future__ import annotations

import ctypes
from functools import lru_cache
from typing import Any

# The page after it faults its memory in again: 100 ms of processor time. One thread leaves few holes, 0.1 GB; two
# leave 0.2 GB in sixteen pages.
_ALONE_PAGES, _SHARED_PAGES = 16, 4


def pages_a_trim(threads: int) -> int:
    """After how many pages an engine of so many threads hands the heap back."""
    return _ALONE_PAGES if threads == 1 else _SHARED_PAGES


def give_back() -> None:
    """Hand the free parts of the C heap to the system; on systems without glibc this does nothing.

    The threads that read a page leave holes in their heaps, 400 MB after a hundred pages of all sizes.
    """
    trim = _malloc_trim()
    if trim is not None:
        trim(0)


@lru_cache(maxsize=1)
def _malloc_trim() -> Any | None:  # Any: a C function has no type
    return getattr(ctypes.CDLL(None), "malloc_trim", None)
