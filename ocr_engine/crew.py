"""The threads that work on the lines of a page side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from ocr_engine.errors import InvalidRequest

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


class Crew:
    """A fixed number of threads for everyone who calls: `size`. `map` is safe from several; tasks must not call it."""

    def __init__(self, size: int) -> None:
        """`size`: tasks at once. One: they run in the thread that calls."""
        self.size = size
        self._pool = ThreadPoolExecutor(size, thread_name_prefix="lines") if size > 1 else None

    def map(
        self,
        work: Callable[[_Item], _Result],
        items: Sequence[_Item],
        *,
        cost: Callable[[_Item], float],
    ) -> list[_Result]:
        """The results in the order of the items. The costliest item starts first, so that none is left to the end.

        Raises: what a task raised, and the tasks that had not begun are dropped; InvalidRequest: the crew is closed.
        """
        if self._pool is None or len(items) < 2:
            return [work(item) for item in items]
        costliest_first = sorted(range(len(items)), key=lambda at: -cost(items[at]))
        try:
            tasks = {at: self._pool.submit(work, items[at]) for at in costliest_first}
        except RuntimeError as error:
            raise InvalidRequest("the engine is closed; build a new one") from error
        try:
            return [tasks[at].result() for at in range(len(items))]
        finally:
            for task in tasks.values():
                task.cancel()

    def close(self) -> None:
        """End the threads once their tasks are done. Safe to call twice."""
        if self._pool is not None:
            self._pool.shutdown()
