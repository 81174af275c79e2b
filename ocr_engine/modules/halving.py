"""Reading a batch that does not fit into memory in halves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from ocr_engine.errors import OutOfMemory

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def in_halves(read: Callable[[Sequence[_Item]], list[_Result]], items: Sequence[_Item]) -> list[_Result]:
    """What `read` makes of the items: all at once, or half by half for as long as memory is short.

    Raises: OutOfMemory (retryable): a single item is too much.
    """
    try:
        return read(items)
    except (OutOfMemory, MemoryError) as error:
        if len(items) < 2:
            raise OutOfMemory from error
    middle = len(items) // 2
    return [*in_halves(read, items[:middle]), *in_halves(read, items[middle:])]
