"""The store of this package, kept in the memory of one process: for tests and for trying things out."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from typing import BinaryIO

from producer.backends.objects import check_key, check_prefix
from producer.contract.errors import InvalidRequest, NotFound
from producer.contract.ports import ObjectInfo


class MemoryObjectStore:
    """An `ObjectStore` in a dictionary. Safe to share between threads; gone with its process."""

    def __init__(self) -> None:
        self._objects: dict[str, bytes] = {}
        self._lock = threading.Lock()

    def put(self, key: str, body: bytes | BinaryIO, *, media_type: str) -> None:
        check_key(key)
        content = body if isinstance(body, bytes) else _read_whole(body)
        with self._lock:
            self._objects[key] = content

    def get(self, key: str) -> bytes:
        check_key(key)
        with self._lock:
            if key not in self._objects:
                raise NotFound(f"There is no object {key!r}.")
            return self._objects[key]

    def open(self, key: str) -> BinaryIO:
        return io.BytesIO(self.get(key))

    def head(self, key: str) -> ObjectInfo:
        return ObjectInfo(key=key, size_bytes=len(self.get(key)))

    def keys(self, prefix: str) -> Iterator[str]:
        check_prefix(prefix)
        with self._lock:
            return iter(sorted(key for key in self._objects if key.startswith(prefix)))

    def delete(self, prefix: str) -> int:
        if not check_prefix(prefix):
            raise InvalidRequest("Deleting every object of a store is refused; name a prefix.")
        with self._lock:
            doomed = [key for key in self._objects if key.startswith(prefix)]
            for key in doomed:
                del self._objects[key]
            return len(doomed)

    def presign_put(self, key: str, *, expires_s: int) -> str | None:
        check_key(key)
        return None

    def presign(self, key: str, *, expires_s: int) -> str | None:
        check_key(key)
        return None

    def ping(self) -> None:
        """Memory always answers."""


def _read_whole(stream: BinaryIO) -> bytes:
    """Every byte of `stream`. A raw stream may return fewer bytes than asked for before its end."""
    return b"".join(iter(lambda: stream.read(io.DEFAULT_BUFFER_SIZE), b""))
