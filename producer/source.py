"""A document as it comes in: measured, hashed and recognised by content before anything is stored."""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

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
# PNG specification 5.2, ITU-T T.81 B.1.1, TIFF 6.0 section 2 and the BigTIFF design, RFC 9649 section 2.4.
_SIGNATURES = (
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "image/png"),
    (re.compile(rb"\xff\xd8\xff"), "image/jpeg"),
    (re.compile(rb"II[*+]\0|MM\0[*+]"), "image/tiff"),
    (re.compile(rb"RIFF.{4}WEBP", re.DOTALL), "image/webp"),
    # Two letters prove little: the size of the second header, one of a few, is looked at as well.
    (re.compile(rb"BM.{12}[\x0c\x10\x28\x34\x38\x40\x6c\x7c]\0\0\0", re.DOTALL), "image/bmp"),
)
HEAD_BYTES = 2048
_PDF_HEADER_WITHIN = 1024  # ISO 32000-1, annex H: readers accept the header this far into the file


@contextmanager
def opened_source(source: str | Path | bytes | BinaryIO) -> Iterator[BinaryIO]:
    """A document given as path, bytes or stream, as a stream. Raises: InvalidRequest for what cannot be read twice."""
    if isinstance(source, bytes):
        yield io.BytesIO(source)
    elif isinstance(source, str | Path):
        with _opened(source) as stream:
            _check_stream(stream, called=f"{source}: ")
            yield stream
    else:
        _check_stream(source)
        yield source


def _opened(source: str | Path) -> BinaryIO:
    """Raises: InvalidRequest."""
    try:
        return Path(source).open("rb")
    except IsADirectoryError as error:
        raise InvalidRequest(f"{source}: is a folder; name the documents in it, such as {source}/*.pdf") from error
    except OSError as error:
        raise InvalidRequest(f"{source}: cannot be read: {error.strerror}") from error


def _check_stream(stream: object, called: str = "the stream ") -> None:
    """It is read once to measure it and once to send it. stream: whatever a caller gave. Raises: InvalidRequest."""
    if isinstance(stream, io.TextIOBase):
        raise InvalidRequest("the stream is open as text; open it with mode 'rb'")
    if not hasattr(stream, "read") or not hasattr(stream, "seek"):
        raise InvalidRequest(
            f"a document is a path, its bytes, a seekable stream or an address, not {type(stream).__name__}; give one"
        )
    if getattr(stream, "closed", False):
        raise InvalidRequest("the stream is closed; give one that is open")
    can_seek = getattr(stream, "seekable", None)
    if can_seek is not None and not can_seek():
        raise InvalidRequest(f"{called}cannot be read twice, as a pipe cannot; give its bytes, or write them to a file")


def inspect_source(stream: BinaryIO, *, filename: str | None, max_bytes: int) -> SourceInfo:
    """Read the stream once and rewind it. Raises: InvalidRequest (empty), TooLarge, UnsupportedMedia."""
    digest, size, head = hashlib.sha256(), 0, b""
    while chunk := stream.read(1 << 20):
        head = head or chunk[:HEAD_BYTES]
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
    for signature, media_type in _SIGNATURES:
        if signature.match(head):
            return media_type
    if b"%PDF-" in head[:_PDF_HEADER_WITHIN]:
        return "application/pdf"
    raise UnsupportedMedia()
