"""The exports by the names that callers ask for them with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import BinaryIO

from ocr_engine.exports.alto import Alto
from ocr_engine.exports.hocr import Hocr
from ocr_engine.exports.page_text import DocumentInfo, Export, OpenExport
from ocr_engine.exports.plain_text import PlainText
from ocr_engine.exports.searchable_pdf import searchable_pdf

_WRITERS: Mapping[str, OpenExport] = {"text": PlainText, "hocr": Hocr, "alto": Alto}


def open_export(output: str, file: BinaryIO, info: DocumentInfo, *, document: Callable[[], bytes]) -> Export:
    """Start `text`, `hocr`, `alto` or `pdf` into a file; only a PDF asks for the bytes of the document.

    Raises: OSError; EngineError: the document cannot be opened.
    """
    if output == "pdf":
        return searchable_pdf(file, document())
    return _WRITERS[output](file, info)
