"""Plain text: UTF-8, a line a row, a form feed behind each page, as pdftotext writes it."""

from __future__ import annotations

from typing import BinaryIO

from ocr_engine.exports.page_text import DocumentInfo, PageText


class PlainText:
    """The text alone."""

    def __init__(self, file: BinaryIO, info: DocumentInfo) -> None:
        self._file = file

    def add(self, page: PageText) -> None:
        self._file.write("".join(f"{line.text}\n" for line in page.lines).encode() + b"\f")

    def finish(self) -> None:
        """Nothing follows."""
