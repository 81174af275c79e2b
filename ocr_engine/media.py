"""What a document is, decided by its first bytes and never by its name."""

from __future__ import annotations

from enum import StrEnum

from ocr_engine.errors import EmptyDocument, UnsupportedMedia

# Acrobat accepts leading rubbish up to here, and such files exist.
_PDF_WINDOW_BYTES = 1024
# Sizes of the header that follows a BMP's file header; "BM" alone also starts many texts.
_BMP_HEADER_SIZES = frozenset({12, 16, 40, 52, 56, 64, 108, 124})


class MediaType(StrEnum):
    """The kinds of document that can be read."""

    PDF = "application/pdf"
    PNG = "image/png"
    JPEG = "image/jpeg"
    WEBP = "image/webp"
    BMP = "image/bmp"
    TIFF = "image/tiff"


def sniff(data: bytes) -> MediaType:
    """Name the kind of document. Raises: EmptyDocument, UnsupportedMedia."""
    if not data:
        raise EmptyDocument
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return MediaType.PNG
    if data.startswith(b"\xff\xd8\xff"):
        return MediaType.JPEG
    if data.startswith((b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")):
        return MediaType.TIFF
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return MediaType.WEBP
    if data.startswith(b"BM") and int.from_bytes(data[14:18], "little") in _BMP_HEADER_SIZES:
        return MediaType.BMP
    if b"%PDF-" in data[:_PDF_WINDOW_BYTES]:
        return MediaType.PDF
    raise UnsupportedMedia
