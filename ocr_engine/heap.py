"""Giving freed memory back to the system."""

from __future__ import annotations

import ctypes
from functools import lru_cache
from typing import Any


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
