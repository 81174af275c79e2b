"""The three things that a producer needs from the outside world, as protocols."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Protocol


@dataclass(frozen=True, kw_only=True, slots=True)
class ObjectInfo:
    """What a store knows of one object."""

    key: str
    size_bytes: int


class ObjectStore(Protocol):
    """Documents in, results out. Keys are relative, `/`-separated, made by `names.py` and never by a user.

    Every method raises `Unavailable` (retryable) when the store does not answer or refuses for a while.
    Safe to share between threads. Writing the same key twice replaces the object; readers see the old or
    the new bytes, never a mixture.
    """

    def put(self, key: str, body: bytes | BinaryIO, *, media_type: str) -> None:
        """Write one object, whole or not at all. A stream is read to its end and not held in memory."""

    def get(self, key: str) -> bytes:
        """The bytes of one object. Raises: NotFound."""

    def open(self, key: str) -> BinaryIO:
        """A stream over one object, to be closed by the caller. Raises: NotFound."""

    def head(self, key: str) -> ObjectInfo:
        """Size of one object. Raises: NotFound."""

    def keys(self, prefix: str) -> Iterator[str]:
        """Every key that begins with `prefix`, sorted."""

    def delete(self, prefix: str) -> int:
        """Delete every object whose key begins with `prefix`; how many there were. Safe to repeat."""

    def presign(self, key: str, *, expires_s: int) -> str | None:
        """An address from which anyone may read the object for `expires_s` seconds; None for a local store."""

    def ping(self) -> None:
        """Answer if the store can be reached."""
