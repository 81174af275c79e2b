"""The pages of a PDF with a layer of invisible text, by PyMuPDF."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from difflib import SequenceMatcher
from types import TracebackType
from typing import Any, BinaryIO, Self

import pymupdf

from ocr_engine.errors import UnreadableDocument
from ocr_engine.exports.glyphless import FONT_OBJECTS, GlyphlessFont
from ocr_engine.exports.page_text import PageText, TextLine, bounding_box
from ocr_engine.exports.text_layer import RESOURCE, Matrix, text_layer
from ocr_engine.mupdf_lock import MUPDF_LOCK

# Any: the library is not annotated.
_mupdf: Any = pymupdf

# How alike what the page itself says and what was read must be for the line to be left to the page.
_SAME_TEXT = 0.8


class PdfPages:
    """The pages that are added, in their order, unchanged but for the layer; the others are left out.

    A line that can be selected on the page already is not written again. MuPDF holds the document in memory, which is
    little more than its bytes.
    """

    def __init__(self, file: BinaryIO, data: bytes) -> None:
        self._file = file
        self._font = GlyphlessFont()
        self._kept: list[int] = []
        with _mupdf_at_work("the PDF"):
            self._pdf = _whole(data)
            self._font_numbers = [int(self._pdf.get_new_xref()) for _ in range(FONT_OBJECTS)]
            for number in self._font_numbers:
                self._pdf.update_object(number, "<<>>")

    def add(self, page: PageText) -> None:
        index = page.number - 1
        self._kept.append(index)
        if not page.lines:
            return
        with _mupdf_at_work(f"page {page.number}"):
            pdf_page = self._pdf[index]
            scale = page.width / pdf_page.rect.width
            own = _own_words(pdf_page, scale)
            missing = [line for line in page.lines if not _says(line, own)]
            if missing:
                self._append(pdf_page, text_layer(missing, self._font, _matrix(pdf_page, scale)))

    def finish(self) -> None:
        with _mupdf_at_work("the PDF"):
            for number, (dictionary, stream) in zip(
                self._font_numbers, self._font.objects(self._font_numbers), strict=True
            ):
                self._pdf.update_object(number, dictionary)
                if stream is not None:
                    self._pdf.update_stream(number, stream)
            if self._kept != list(range(len(self._pdf))):
                self._pdf.select(self._kept)
            with _Sink(self._file) as sink:
                self._pdf.save(sink, garbage=1, encryption=_mupdf.PDF_ENCRYPT_KEEP)
            self._pdf.close()

    def _append(self, page: Any, layer: bytes) -> None:  # Any: see above
        if not page.is_wrapped:
            page.wrap_contents()  # whatever the page left behind in its graphics state stays its own
        content = self._pdf.get_new_xref()
        self._pdf.update_object(content, "<<>>")
        self._pdf.update_stream(content, layer)
        contents = " ".join(f"{number} 0 R" for number in (*page.get_contents(), content))
        self._pdf.xref_set_key(page.xref, "Contents", f"[{contents}]")
        self._name_font(page.xref)

    def _name_font(self, page_xref: int) -> None:
        """Add the font to the page's resources, wherever they are."""
        holder, prefix = self._own_resources(page_xref)
        kind, value = self._pdf.xref_get_key(holder, f"{prefix}Font")
        if kind == "xref":
            holder, name = int(value.split()[0]), RESOURCE
        else:
            name = f"{prefix}Font/{RESOURCE}"
        self._pdf.xref_set_key(holder, name, f"{self._font_numbers[0]} 0 R")

    def _own_resources(self, page_xref: int) -> tuple[int, str]:
        """The object in which the page's resources stand, and what leads to them there."""
        kind, value = self._pdf.xref_get_key(page_xref, "Resources")
        if kind == "null":
            kind, value = self._inherited_resources(page_xref)
            self._pdf.xref_set_key(page_xref, "Resources", value)
        return (int(value.split()[0]), "") if kind == "xref" else (page_xref, "Resources/")

    def _inherited_resources(self, page_xref: int) -> tuple[str, str]:
        """Those of the nearest ancestor, as a key's kind and value; none at all are an empty dictionary."""
        node, seen = page_xref, set[int]()
        while node not in seen:
            seen.add(node)
            kind, value = self._pdf.xref_get_key(node, "Resources")
            if kind != "null":
                return kind, value
            kind, value = self._pdf.xref_get_key(node, "Parent")
            if kind == "xref":
                node = int(value.split()[0])
        return "dict", "<<>>"


class _Sink:
    """A file as PyMuPDF writes to one: without a name, because it would open what is called so, and a temporary file is
    called by a number. An error of the disk passes through MuPDF as a text; it is raised again as what it was."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._failure: OSError | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._failure is not None:
            raise self._failure

    def write(self, data: bytes) -> int:
        try:
            return self._file.write(data)
        except OSError as error:
            self._failure = error
            raise

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def truncate(self) -> int:
        return self._file.truncate()


@contextmanager
def _mupdf_at_work(what: str) -> Iterator[None]:
    """The library's lock. Raises: UnreadableDocument: it can render what it cannot write."""
    with MUPDF_LOCK:
        try:
            yield
        except (MemoryError, OSError):
            raise
        except Exception as error:
            raise UnreadableDocument(f"{what} is too damaged to be written again: {error}") from error


def _whole(data: bytes) -> Any:  # Any: see above
    """The document, opened and, where something in it is broken, repaired.

    MuPDF repairs when it first meets what is broken, and forgets the numbers of objects that it gave before: so it is
    made to meet all of them.
    """
    pdf = _mupdf.open(stream=data, filetype="pdf")
    written = pdf.tobytes()
    if not pdf.is_repaired:
        return pdf
    pdf.close()
    return _mupdf.open(stream=written, filetype="pdf")


def _matrix(page: Any, scale: float) -> Matrix:  # Any: see above
    """From the pixels of the page as it was rendered to the page's own units, which it may turn and crop.

    MuPDF's own matrix: the one that PyMuPDF tells leaves the crop out when the page is turned.
    """
    rendered = _mupdf.mupdf.FzMatrix()
    _mupdf.mupdf.pdf_page_transform(_mupdf.mupdf.pdf_page_from_fz_page(page.this), _mupdf.mupdf.FzRect(), rendered)
    to_points = _mupdf.Matrix(1 / scale, 1 / scale)
    own = _mupdf.Matrix(rendered.a, rendered.b, rendered.c, rendered.d, rendered.e, rendered.f)
    return tuple(to_points * ~own)


def _own_words(page: Any, scale: float) -> list[tuple[float, float, str]]:  # Any: see above
    """The words that can be selected on the page: the middle of each, in pixels of the page as it was rendered, and it.

    The library tells their places on the page before it is turned.
    """
    found = []
    for x0, y0, x1, y1, text, *_ in page.get_text("words"):
        middle = _mupdf.Point((x0 + x1) / 2, (y0 + y1) / 2) * page.rotation_matrix
        found.append((middle.x * scale, middle.y * scale, text))
    return found


def _says(line: TextLine, words: Sequence[tuple[float, float, str]]) -> bool:
    left, top, right, bottom = bounding_box(line.polygon)
    own = "".join(text for x, y, text in words if left <= x <= right and top <= y <= bottom)
    read = line.text.replace(" ", "")
    return bool(own) and SequenceMatcher(None, own, read, autojunk=False).ratio() >= _SAME_TEXT
