"""A document as it comes in: its size, its hash, and its kind by its first bytes."""

from __future__ import annotations

import hashlib
import io

import PIL.Image
import pytest

from producer.contract.errors import InvalidRequest, TooLarge, UnsupportedMedia
from producer.source import inspect_source, media_type_of


@pytest.mark.parametrize(
    ("drawn_as", "media_type"),
    [
        ("PNG", "image/png"),
        ("JPEG", "image/jpeg"),
        ("TIFF", "image/tiff"),
        ("WEBP", "image/webp"),
        ("BMP", "image/bmp"),
        ("PDF", "application/pdf"),
    ],
)
def test_every_kind_that_the_engine_opens_is_known_by_its_first_bytes(drawn_as: str, media_type: str) -> None:
    drawn = io.BytesIO()
    PIL.Image.new("RGB", (8, 8)).save(drawn, drawn_as)
    assert media_type_of(drawn.getvalue()) == media_type


@pytest.mark.parametrize(
    ("head", "media_type"),
    [
        (b"II+\0\x08\0\0\0", "image/tiff"),  # BigTIFF
        (b"MM\0*\0\0\0\x08", "image/tiff"),
        (b"\n\n junk before it %PDF-1.7", "application/pdf"),
        (b"\xff\xd8\xff\xe1 made of scan.pdf %PDF-1.7", "image/jpeg"),
    ],
)
def test_rare_beginnings_are_known_too(head: bytes, media_type: str) -> None:
    assert media_type_of(head) == media_type


@pytest.mark.parametrize(
    "head", [b"", b"text", b"BMW is a car, not a picture", b"RIFF\0\0\0\0WAVE", b"GIF89a", b"PK\x03\x04", b"\x89PNG"]
)
def test_anything_else_is_refused(head: bytes) -> None:
    with pytest.raises(UnsupportedMedia):
        media_type_of(head)


def test_a_document_is_measured_hashed_and_rewound() -> None:
    data = b"%PDF-1.7 " + b"x" * 5000
    stream = io.BytesIO(data)
    source = inspect_source(stream, filename="../a.png", max_bytes=len(data))
    assert (source.size_bytes, source.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    assert (source.filename, source.media_type, stream.tell()) == ("a.png", "application/pdf", 0)


def test_an_empty_document_and_one_that_is_too_large_are_refused() -> None:
    with pytest.raises(InvalidRequest, match="empty"):
        inspect_source(io.BytesIO(), filename=None, max_bytes=10)
    with pytest.raises(TooLarge, match="10 bytes"):
        inspect_source(io.BytesIO(b"%PDF-1.7 xx"), filename=None, max_bytes=10)
