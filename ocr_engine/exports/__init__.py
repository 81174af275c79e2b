"""Recognised pages as files: plain text, hOCR, ALTO and searchable PDF."""

from ocr_engine.exports.alto import Alto
from ocr_engine.exports.by_name import open_export
from ocr_engine.exports.hocr import Hocr
from ocr_engine.exports.page_text import DocumentInfo, Export, OpenExport, PageText, TextLine
from ocr_engine.exports.plain_text import PlainText
from ocr_engine.exports.searchable_pdf import searchable_pdf

__all__ = [
    "Alto",
    "DocumentInfo",
    "Export",
    "Hocr",
    "OpenExport",
    "PageText",
    "PlainText",
    "TextLine",
    "open_export",
    "searchable_pdf",
]
