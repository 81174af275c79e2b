"""Bytes or a file to a lazy document: pages are counted and measured at once, and decoded one by one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from ocr_engine.errors import SourceNotFound, TooLarge, TooManyPages
from ocr_engine.media import MediaType, sniff
from ocr_engine.text_layer import OwnText
from ocr_engine.types import Image


@dataclass(frozen=True, kw_only=True, slots=True)
class DocumentLimits:
    """What is refused before it costs anything. None: no limit.

    `max_page_pixels` is twice Pillow's bomb threshold, the reference's budget. `max_page_side` (pixels) is the largest
    coordinate that a polygon's int16 can hold. A PDF page is rendered smaller until it fits both.
    """

    max_bytes: int | None = None
    max_pages: int | None = None
    max_page_pixels: int = 178_956_970
    max_page_side: int = 32_767


class Document(ABC):
    """An open document. A context manager; not for use from several threads at once.

    `paged` tells whether results carry a page index: PDF and TIFF do, single images do not.
    """

    media_type: MediaType
    page_count: int
    paged: bool

    @abstractmethod
    def page_image(self, index: int) -> Image:
        """Decode page `index` (0-based): (H, W, 3) uint8 BGR, upright as the file says.

        Raises: PageTooLarge, UnreadableDocument, OutOfMemory; IndexError: there is no such page.
        """

    def own_text(self, index: int) -> OwnText | None:
        """The text that page `index` holds beside its pixels; None: this kind of document holds none.

        Raises: UnreadableDocument; IndexError: there is no such page.
        """
        return None

    def page_index(self, index: int) -> int | None:
        """What a result reports for page `index`: the index, or None for a single image."""
        return index if self.paged else None

    @abstractmethod
    def close(self) -> None:
        """Give the file back. Safe to call twice."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_document(source: bytes | Path, *, limits: DocumentLimits | None = None) -> Document:
    """Open a PDF or an image. Only headers are read: sizes are checked here, pixels come with `page_image`.

    Raises: EmptyDocument, UnsupportedMedia, UnreadableDocument, EncryptedDocument, TooLarge, TooManyPages,
    PageTooLarge; SourceNotFound: the path is not a readable file.
    """
    limits = limits or DocumentLimits()
    data = source if isinstance(source, bytes) else _read(source, limits)
    _check_bytes(len(data), limits)
    media_type = sniff(data)
    document = _open(data, media_type, limits)
    if limits.max_pages is not None and document.page_count > limits.max_pages:
        document.close()
        raise TooManyPages(f"the document has {document.page_count} pages; the limit is {limits.max_pages}")
    return document


def _open(data: bytes, media_type: MediaType, limits: DocumentLimits) -> Document:
    # Imported here, so that images can be read without loading a PDF library, and the reverse.
    if media_type is MediaType.PDF:
        from ocr_engine.pdf import PdfDocument

        return PdfDocument(data, limits)
    from ocr_engine.raster import RasterDocument

    return RasterDocument(data, media_type, limits)


def _read(path: Path, limits: DocumentLimits) -> bytes:
    try:
        _check_bytes(path.stat().st_size, limits)
        return path.read_bytes()
    except OSError as error:
        raise SourceNotFound(f"cannot read {path}: {error.strerror}") from error


def _check_bytes(size: int, limits: DocumentLimits) -> None:
    if limits.max_bytes is not None and size > limits.max_bytes:
        raise TooLarge(f"the document has {size} bytes; the limit is {limits.max_bytes}")
