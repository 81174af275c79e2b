"""Work on the next item in a thread of its own while the last one is used."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def one_ahead(items: Iterable[_Item], work: Callable[[_Item], _Result]) -> Generator[_Result, None, None]:
    """What `work` makes of the items, in order. One is made while the caller uses the one before: never two.

    Items are taken and worked on in one other thread. An error comes when its item is asked for, and ends it. Who stops
    early does not wait: the thread ends once the item that it works on is done.
    """
    source = iter(items)

    def step() -> list[_Result]:
        # A list, because a result may be anything: an empty one is the end.
        return [work(item) for item in islice(source, 1)]

    thread = ThreadPoolExecutor(1, thread_name_prefix="ahead")
    try:
        coming = thread.submit(step)
        while found := coming.result():
            coming = thread.submit(step)
            yield found[0]
    finally:
        # Not waited for: what was dropped may be ended by Python's collector, in any thread, with any lock held.
        thread.shutdown(wait=False, cancel_futures=True)
