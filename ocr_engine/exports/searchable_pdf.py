"""A searchable PDF: the pages of the document with invisible text where the text is."""

from __future__ import annotations

from typing import BinaryIO

from ocr_engine.document import Document, DocumentLimits, open_document
from ocr_engine.errors import EngineError
from ocr_engine.exports.glyphless import FONT_OBJECTS, GlyphlessFont
from ocr_engine.exports.page_image import PackedImage, jpeg_as_it_is, packed
from ocr_engine.exports.page_text import Export, PageText
from ocr_engine.exports.pdf_file import PdfFile
from ocr_engine.exports.text_layer import RESOURCE, text_layer
from ocr_engine.media import MediaType

# Units of a PDF are 1/72 inch. Pictures seldom say how large they were; A4 at 300 dpi is what scanners give.
_UNITS_A_PIXEL = 72 / 300
_A4_UNITS = (595, 842)
_MAX_SIDE_UNITS = 14_400  # ISO 32000-1, annex C.2


def searchable_pdf(file: BinaryIO, data: bytes, *, limits: DocumentLimits | None = None) -> Export:
    """Start a PDF of a document's pages. Of a PDF each page stays as it is; of pictures each becomes a page.

    Raises: EngineError: the document cannot be opened.
    """
    document = open_document(data, limits=limits)
    if document.media_type is MediaType.PDF:
        from ocr_engine.exports.pdf_pages import PdfPages

        document.close()
        return PdfPages(file, data)
    return PicturePages(file, document, data)


class PicturePages:
    """Pages made of pictures, written one by one: memory holds one page, however many there are."""

    def __init__(self, file: BinaryIO, document: Document, data: bytes) -> None:
        self._document = document
        self._data = data
        self._pdf = PdfFile(file)
        self._font = GlyphlessFont()
        self._font_numbers = [self._pdf.promise() for _ in range(FONT_OBJECTS)]
        self._tree = self._pdf.promise()
        self._pages: list[int] = []

    def add(self, page: PageText) -> None:
        try:
            picture = self._picture(page.number - 1)
        except EngineError:  # the page that could not be read: its place is kept
            self._put_page(_A4_UNITS, "", b"")
            return
        image = self._pdf.add(picture.dictionary, picture.data)
        scale = min(_UNITS_A_PIXEL, _MAX_SIDE_UNITS / max(page.width, page.height, 1))
        width, height = page.width * scale, page.height * scale
        layer = text_layer(page.lines, self._font, (scale, 0.0, 0.0, -scale, 0.0, height))
        content = f"q {width:.3f} 0 0 {height:.3f} 0 0 cm /Page Do Q\n".encode() + layer
        self._put_page((width, height), f"/XObject<</Page {image} 0 R>>", content)

    def finish(self) -> None:
        for number, (dictionary, stream) in zip(
            self._font_numbers, self._font.objects(self._font_numbers), strict=True
        ):
            self._pdf.put(number, dictionary, stream)
        kids = " ".join(f"{page} 0 R" for page in self._pages)
        self._pdf.put(self._tree, f"<</Type/Pages/Count {len(self._pages)}/Kids[{kids}]>>")
        self._pdf.finish(self._pdf.add(f"<</Type/Catalog/Pages {self._tree} 0 R>>"))
        self._document.close()

    def _picture(self, index: int) -> PackedImage:
        if self._document.media_type is MediaType.JPEG:
            as_it_is = jpeg_as_it_is(self._data)
            if as_it_is is not None:
                return as_it_is
        return packed(self._document.page_image(index))

    def _put_page(self, size: tuple[float, float], resources: str, content: bytes) -> None:
        stream = self._pdf.add("<<>>", content)
        font = f"/Font<</{RESOURCE} {self._font_numbers[0]} 0 R>>"
        self._pages.append(
            self._pdf.add(
                f"<</Type/Page/Parent {self._tree} 0 R/MediaBox[0 0 {size[0]:.3f} {size[1]:.3f}]"
                f"/Resources<<{resources}{font}>>/Contents {stream} 0 R>>"
            )
        )
