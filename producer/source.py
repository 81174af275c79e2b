"""A document as it comes in: measured, hashed and recognised by content before anything is stored."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import puremagic

from producer.contract import names
from producer.contract.errors import InvalidRequest, TooLarge, UnsupportedMedia
from producer.contract.jobs import SourceInfo

_SUFFIX = {
    "application/pdf": ".pdf",
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "image/webp": ".webp",
    "image/bmp": ".bmp",
    "image/tiff": ".tif",
}
_ALIASES = {
    "image/x-ms-bmp": "image/bmp",
    "image/x-bmp": "image/bmp",
    "image/jpg": "image/jpeg",
    "image/tif": "image/tiff",
}
_HEAD_BYTES = 2048
_PDF_HEADER_WITHIN = 1024  # ISO 32000-1, annex H: readers accept the header this far into the file


@contextmanager
def opened_source(source: str | Path | bytes | BinaryIO) -> Iterator[BinaryIO]:
    """A document given as path, bytes or stream, as a stream. Raises: InvalidRequest for an unreadable path."""
    if isinstance(source, bytes):
        yield io.BytesIO(source)
    elif isinstance(source, str | Path):
        try:
            with Path(source).open("rb") as stream:
                yield stream
        except (FileNotFoundError, IsADirectoryError, PermissionError) as error:
            raise InvalidRequest(f"cannot read {source}: {error.strerror}") from error
    else:
        yield source


def inspect_source(stream: BinaryIO, *, filename: str | None, max_bytes: int) -> SourceInfo:
    """Read the stream once and rewind it. Raises: InvalidRequest (empty), TooLarge, UnsupportedMedia."""
    digest, size, head = hashlib.sha256(), 0, b""
    while chunk := stream.read(1 << 20):
        head = head or chunk[:_HEAD_BYTES]
        size += len(chunk)
        if size > max_bytes:
            raise TooLarge(f"the document has more than {max_bytes} bytes; split it or raise OCRFLEET_MAX_FILE_BYTES")
        digest.update(chunk)
    stream.seek(0)
    if size == 0:
        raise InvalidRequest("the document is empty (0 bytes); check how it was written")
    media_type = media_type_of(head)
    return SourceInfo(
        filename=names.safe_filename(filename, suffix=_SUFFIX[media_type]),
        media_type=media_type,
        sha256=digest.hexdigest(),
        size_bytes=size,
    )


def media_type_of(head: bytes) -> str:
    """The media type that the first bytes show, never the name. Raises: UnsupportedMedia."""
    if b"%PDF-" in head[:_PDF_HEADER_WITHIN]:
        return "application/pdf"
    try:
        guesses = puremagic.magic_string(head)
    except (puremagic.PureError, ValueError):
        guesses = []
    for guess in guesses:
        media_type = str(_ALIASES.get(guess.mime_type, guess.mime_type))
        if media_type in _SUFFIX and media_type != "application/pdf":
            return media_type
    raise UnsupportedMedia()
