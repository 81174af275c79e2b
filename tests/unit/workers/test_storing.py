"""Objects stored side by side: all of them are there at the end, or the first that is not is told."""

from __future__ import annotations

import threading
from typing import BinaryIO

import pytest

from producer.backends.memory_objects import MemoryObjectStore
from producer.contract.errors import Unavailable
from workers.storing import Storing

JPEG = "image/jpeg"


class Meeting(MemoryObjectStore):
    """A store whose first two writes wait for each other."""

    def __init__(self) -> None:
        super().__init__()
        self.together = threading.Barrier(2)

    def put(self, key: str, body: bytes | BinaryIO, *, media_type: str) -> None:
        self.together.wait(timeout=10)
        super().put(key, body, media_type=media_type)


class Refusing(MemoryObjectStore):
    """A store that takes all but what is called `bad`."""

    def put(self, key: str, body: bytes | BinaryIO, *, media_type: str) -> None:
        if key == "bad":
            raise Unavailable("the store does not answer")
        super().put(key, body, media_type=media_type)


def test_objects_are_stored_side_by_side_and_are_there_at_the_end() -> None:
    objects = Meeting()
    storing = Storing(objects)
    storing.put("one", b"1", media_type=JPEG)
    storing.put("two", b"2", media_type=JPEG)
    storing.finish()
    assert (objects.get("one"), objects.get("two")) == (b"1", b"2")


def test_what_could_not_be_stored_is_told_once_and_the_others_are_there() -> None:
    objects = Refusing()
    storing = Storing(objects)
    for key in ("bad", "good"):
        storing.put(key, b"1", media_type=JPEG)
    with pytest.raises(Unavailable):
        storing.finish()
    assert objects.get("good") == b"1"
    storing.finish()  # the next page begins anew
