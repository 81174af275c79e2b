"""Objects of a page on their way to the store, side by side: most of the time that each takes is waiting."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor, wait

from producer.contract.ports import ObjectStore

# Most pages have two pictures: the drawing, and the page to look at.
_AT_ONCE = 4


class Storing:
    """Puts objects while others are made. Used by one thread, for one page at a time."""

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="storing")
        self._begun: list[Future[None]] = []

    def put(self, key: str, body: bytes, *, media_type: str) -> None:
        """Begin to write one object."""
        self._begun.append(self._threads.submit(self._objects.put, key, body, media_type=media_type))

    def finish(self) -> None:
        """Wait until all that was begun is stored, or is not. Raises: Unavailable."""
        begun, self._begun = self._begun, []
        wait(begun)
        for one in begun:
            one.result()
