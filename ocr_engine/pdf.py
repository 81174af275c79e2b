"""PDF pages as pixels, by PyMuPDF. Beside it only fonts.py and exports/pdf_pages.py import pymupdf."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pymupdf

from ocr_engine.colour import swap_red_and_blue
from ocr_engine.document import Document, DocumentLimits
from ocr_engine.errors import EncryptedDocument, PageTooLarge, UnreadableDocument
from ocr_engine.media import MediaType
from ocr_engine.mupdf_lock import MUPDF_LOCK
from ocr_engine.text_layer import OwnLine, OwnText
from ocr_engine.types import Image

# Any: the library is not annotated.
_mupdf: Any = pymupdf

# 144 dpi: PDF points are 1/72 inch.
_SCALE = 2.0
_MIN_SCALE = 0.1
MUPDF_ERRORS = (RuntimeError, ValueError, _mupdf.mupdf.FzErrorBase)
# White space as it is, ligatures as their letters, U+FFFD for what has no character, and where pictures are.
_TEXT_FLAGS = _mupdf.TEXT_PRESERVE_WHITESPACE | _mupdf.TEXT_PRESERVE_IMAGES
_PICTURE, _INVISIBLE = 1, 3
# What MuPDF says of a page of which something is missing. It draws the rest, or nothing, and goes on.
_LOST = (
    "non-page object in page tree (",
    "cannot load content stream",
    "content stream is not a stream",
    "is no image dict",
    "premature end of data",
    "page may not be correct",
)


class PdfDocument(Document):
    """An open PDF. Pages are rendered at 144 dpi with annotations and form fields, smaller if they would not fit.

    A page of which something was cut off cannot be read; the others can.
    """

    def __init__(self, data: bytes, limits: DocumentLimits) -> None:
        """Raises: UnreadableDocument, EncryptedDocument."""
        self.media_type = MediaType.PDF
        self.paged = True
        self._limits = limits
        with MUPDF_LOCK:
            # MuPDF writes what it repairs to the terminal; the errors that matter arrive as exceptions.
            _mupdf.TOOLS.mupdf_display_errors(False)
            _mupdf.TOOLS.mupdf_display_warnings(False)
            try:
                self._pdf = _mupdf.open(stream=data, filetype="pdf")
                locked = bool(self._pdf.needs_pass)
                self.page_count = 0 if locked else len(self._pdf)
            except MUPDF_ERRORS as error:
                raise UnreadableDocument from error
        if locked:
            raise EncryptedDocument
        if self.page_count == 0:
            raise UnreadableDocument("the PDF has no pages")

    def page_image(self, index: int) -> Image:
        if not 0 <= index < self.page_count:
            raise IndexError(index)
        with MUPDF_LOCK:
            _mupdf.TOOLS.reset_mupdf_warnings()
            try:
                page = self._pdf[index]
                scale = self._scale(page.rect.width, page.rect.height)
                picture = page.get_pixmap(matrix=_mupdf.Matrix(scale, scale), colorspace=_mupdf.csRGB, alpha=False)
            except MUPDF_ERRORS as error:
                raise UnreadableDocument(f"page {index + 1} of the PDF is damaged") from error
            # Of a document that was cut off half a page, or an empty one, would pass as whole. One that is only written
            # badly is repaired and drawn whole.
            told = _mupdf.TOOLS.mupdf_warnings()
            if self._pdf.is_repaired and any(sign in told for sign in _LOST):
                raise UnreadableDocument(f"page {index + 1} of the PDF is damaged: the document was cut off")
            rows = np.frombuffer(picture.samples_mv, dtype=np.uint8).reshape(picture.height, picture.stride)
            rgb = rows[:, : picture.width * 3].reshape(picture.height, picture.width, 3)
            if page.get_images():
                # MuPDF keeps what it decoded for a page that shows it again, up to 256 MB. A scan has its own. The
                # fonts go with the pictures and cost 5 ms.
                _mupdf.TOOLS.store_shrink(100)
            return swap_red_and_blue(rgb)

    def own_text(self, index: int) -> OwnText:
        if not 0 <= index < self.page_count:
            raise IndexError(index)
        with MUPDF_LOCK:
            try:
                page = self._pdf[index]
                scale = self._scale(page.rect.width, page.rect.height)
                blocks = page.get_text("rawdict", flags=_TEXT_FLAGS)["blocks"]
                hidden = any(trace["type"] == _INVISIBLE for trace in page.get_texttrace())
            except MUPDF_ERRORS as error:
                raise UnreadableDocument(f"page {index + 1} of the PDF is damaged") from error
            area = page.rect.width * page.rect.height
            # The text is told as the page was before it was turned.
            to_pixels = np.array(page.rotation_matrix * _mupdf.Matrix(scale, scale)).reshape(3, 2)
        lines = (line for block in blocks for line in block.get("lines", ()))
        return OwnText(
            lines=tuple(_own_line(line, to_pixels) for line in lines if any(span["chars"] for span in line["spans"])),
            hidden=hidden,
            picture_share=sum(_area(block["bbox"]) for block in blocks if block["type"] == _PICTURE) / max(area, 1.0),
        )

    def close(self) -> None:
        MUPDF_LOCK.close(self._pdf)

    def _scale(self, width: float, height: float) -> float:
        """Pixels per point so that the page fits the limits. Raises: PageTooLarge: not even at 7.2 dpi."""
        # One pixel of slack a side, because the renderer rounds outwards.
        budget = math.sqrt(self._limits.max_page_pixels / (width * height)) if width * height else _SCALE
        scale = min(_SCALE, budget, (self._limits.max_page_side - 1) / max(width, height, 1.0))
        while (width * scale + 1) * (height * scale + 1) > self._limits.max_page_pixels and scale >= _MIN_SCALE:
            scale *= 0.999
        if scale < _MIN_SCALE:
            raise PageTooLarge(
                f"a page of {width:.0f} x {height:.0f} points does not fit {self._limits.max_page_pixels} pixels"
            )
        return scale


# Any: a line as the library describes it.
def _own_line(line: dict[str, Any], to_pixels: npt.NDArray[np.float64]) -> OwnLine:
    """A line of text; `to_pixels` (3, 2) takes (x, y, 1) in points to pixels of the rendered page."""
    characters = [character for span in line["spans"] for character in span["chars"]]
    along = np.array(line["dir"]) @ to_pixels[:2]
    along /= max(float(np.linalg.norm(along)), 1e-6)
    down = np.array([-along[1], along[0]])
    boxes = np.array([_points(character["bbox"]) for character in characters], dtype=np.float64)
    points = boxes @ to_pixels[:2] + to_pixels[2]
    (left, right), (top, bottom) = ((axis.min(), axis.max()) for axis in (points @ along, points @ down))
    corners = [x * along + y * down for x, y in ((left, top), (right, top), (right, bottom), (left, bottom))]
    middles = ((points @ along).mean(axis=1) - left) / max(right - left, 1e-6)
    return OwnLine(
        text="".join(character["c"] for character in characters),
        corners=tuple((float(x), float(y)) for x, y in corners),
        middles=tuple(float(one) for one in middles),
    )


def _points(box: tuple[float, float, float, float]) -> list[tuple[float, float]]:
    left, top, right, bottom = box
    return [(left, top), (right, top), (right, bottom), (left, bottom)]


def _area(box: tuple[float, float, float, float]) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])
