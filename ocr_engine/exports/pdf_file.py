"""A PDF file written object by object (ISO 32000-1, 7.5): nothing but where each object begins is kept in memory."""

from __future__ import annotations

import zlib
from typing import BinaryIO


class PdfFile:
    """Objects are numbered when they are promised and written in any order. The caller closes the file."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._offsets: dict[int, int] = {}
        self._promised = 0
        self._at = 0
        # The comment of four high bytes tells that the file is binary.
        self._write(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")

    def promise(self) -> int:
        """The number of an object that will be written."""
        self._promised += 1
        return self._promised

    def put(self, number: int, dictionary: str, stream: bytes | None = None) -> None:
        """Write an object: a dictionary without `/Length`, and its stream, deflated unless it names a filter.

        Raises: OSError.
        """
        self._offsets[number] = self._at
        if stream is None:
            self._write(f"{number} 0 obj\n{dictionary}\nendobj\n".encode())
            return
        entries = dictionary.removesuffix(">>")
        if "/Filter" not in entries:
            stream, entries = zlib.compress(stream), f"{entries}/Filter/FlateDecode"
        head = f"{entries}/Length {len(stream)}>>"
        self._write(f"{number} 0 obj\n{head}\nstream\n".encode() + stream + b"\nendstream\nendobj\n")

    def add(self, dictionary: str, stream: bytes | None = None) -> int:
        """Write an object that nobody knew of; its number."""
        number = self.promise()
        self.put(number, dictionary, stream)
        return number

    def finish(self, root: int) -> None:
        """Write the table of objects. `root`: the catalogue."""
        table_at, size = self._at, self._promised + 1
        rows = b"".join(b"%010d 00000 n \n" % self._offsets[number] for number in range(1, size))
        self._write(b"xref\n0 %d\n0000000000 65535 f \n" % size + rows)
        self._write(b"trailer\n<</Size %d/Root %d 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (size, root, table_at))

    def _write(self, data: bytes) -> None:
        self._file.write(data)
        self._at += len(data)
