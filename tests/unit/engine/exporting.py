"""Lines set on a page at any slant, the page as a picture or a PDF, and what other programs read of the export."""

from __future__ import annotations

import math
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import cv2
import numpy as np
import pymupdf
import pypdfium2

from ocr_engine.exports import DocumentInfo, OpenExport, PageText, TextLine, searchable_pdf
from ocr_engine.placed_words import width_em, words_on
from ocr_engine.types import Reading

# Any: the library is not annotated.
_mupdf: Any = pymupdf

WIDTH, HEIGHT, LINE_PX = 1240, 1754, 30
TEXTS = ("The quick brown fox, 2 x 1.35", "滨江图书馆开放公告", "总计 ¥1,284.50 발票 𠀋𠮷", "a < b & \"c\" > 'd'")


def line(text: str, *, angle_deg: float = 0.0, left: float = 200.0, top: float = 300.0) -> TextLine:
    """A line whose upper left corner, as it is read, is at a place; clockwise by the angle."""
    width = sum(width_em(character) for character in text) * LINE_PX
    turn = math.radians(angle_deg)
    frame = np.array([[0, 0], [width, 0], [width, LINE_PX], [0, LINE_PX]])
    corners = frame @ np.array([[math.cos(turn), math.sin(turn)], [-math.sin(turn), math.cos(turn)]]) + [left, top]
    polygon = np.rint(corners).astype(np.int16)
    words = words_on(Reading(text=text, score=0.987), polygon, is_upside_down=False)
    return TextLine(score=0.987, polygon=tuple((float(x), float(y)) for x, y in polygon), words=words)


def page_of(*lines: TextLine, number: int = 1) -> PageText:
    return PageText(number=number, width=WIDTH, height=HEIGHT, lines=lines)


def paragraph(angle_deg: float = 0.0, texts: Sequence[str] = TEXTS) -> PageText:
    """The texts below each other, turned together around the page's middle."""
    turn = math.radians(angle_deg)
    lines = []
    for number, text in enumerate(texts):
        x, y = -250.0, -200.0 + 3 * LINE_PX * number
        left = WIDTH / 2 + x * math.cos(turn) - y * math.sin(turn)
        top = HEIGHT / 2 + x * math.sin(turn) + y * math.cos(turn)
        lines.append(line(text, angle_deg=angle_deg, left=left, top=top))
    return page_of(*lines)


def exported(opening: OpenExport, *pages: PageText, file: BinaryIO | None = None) -> bytes:
    """The export, written to a file as a worker does it, or to the one given."""
    with file or tempfile.TemporaryFile() as file:
        export = opening(file, DocumentInfo(filename='a "b" & c.png', page_count=len(pages), engine="OCRFleet test"))
        for page in pages:
            export.add(page)
        export.finish()
        file.seek(0)
        return file.read()


def pdf_of(data: bytes, *pages: PageText, file: BinaryIO | None = None) -> bytes:
    return exported(lambda target, _info: searchable_pdf(target, data), *pages, file=file)


def blank(suffix: str = ".png", *, grey: int = 255) -> bytes:
    """A page without anything on it."""
    return cv2.imencode(suffix, np.full((HEIGHT, WIDTH, 3), grey, dtype=np.uint8))[1].tobytes()


def read_by_mupdf(pdf: bytes) -> list[list[str]]:
    """The lines of each page."""
    with _mupdf.open(stream=pdf, filetype="pdf") as opened:
        pages = [page.get_text("text") for page in opened]
    return [[" ".join(row.split()) for row in text.splitlines() if row.strip()] for text in pages]


def read_by_poppler(pdf: bytes, folder: Path) -> list[list[str]]:
    """The words of each page, sorted: poppler orders them by its own idea of columns."""
    path = folder / "read.pdf"
    path.write_bytes(pdf)
    done = subprocess.run(["pdftotext", str(path), "-"], capture_output=True, text=True, check=True)
    return [sorted(page.split()) for page in done.stdout.split("\f")[:-1]]


def read_by_pdfium(pdf: bytes) -> list[list[str]]:
    """The words of each page, sorted."""
    with pypdfium2.PdfDocument(pdf) as opened:
        return [sorted(page.get_textpage().get_text_bounded().split()) for page in opened]


def words_of(page: PageText) -> list[str]:
    return sorted(word.text for line in page.lines for word in line.words)


def word_boxes(pdf: bytes, page: PageText) -> dict[str, tuple[float, float, float, float]]:
    """Word -> its box in the page's pixels, as PyMuPDF selects it."""
    with _mupdf.open(stream=pdf, filetype="pdf") as opened:
        sheet = opened[0]
        scale = page.width / sheet.rect.width
        # The library tells places on the page before it is turned.
        found = {text: _mupdf.Rect(*box) * sheet.rotation_matrix for *box, text, _, _, _ in sheet.get_text("words")}
        return {text: tuple(side * scale for side in box) for text, box in found.items()}
