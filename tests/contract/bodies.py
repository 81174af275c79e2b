"""What the tests of object stores write: a stream that cannot seek and watches how it is read."""

from __future__ import annotations

import hashlib
from typing import BinaryIO, cast

BINARY = "application/octet-stream"
MIB = 1 << 20


class Stream:
    """A file of zeros and a few sizes that cannot seek; counts how much is asked of it at a time."""

    def __init__(self, size_bytes: int, *, at_most: int | None = None, fails_at: int | None = None) -> None:
        self.digest = hashlib.sha256()
        self.largest_read = 0
        self.is_closed = False
        self._left = size_bytes
        self._given = 0
        self._at_most = at_most
        self._fails_at = fails_at

    def read(self, size: int = -1) -> bytes:
        if self._fails_at is not None and self._given >= self._fails_at:
            raise ConnectionResetError("the sender went away")
        asked = self._left if size < 0 else min(size, self._left)
        self.largest_read = max(self.largest_read, asked)
        asked = min(asked, self._at_most or asked)
        chunk = self._given.to_bytes(8, "big") * (asked // 8 + 1)
        chunk = chunk[:asked]
        self._left -= asked
        self._given += asked
        self.digest.update(chunk)
        return chunk

    def close(self) -> None:
        self.is_closed = True

    def as_file(self) -> BinaryIO:
        return cast(BinaryIO, self)  # of the whole protocol a store may only use `read`
