"""Pages and files drawn by code, for the engine's tests."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pymupdf
from PIL import ImageDraw

from ocr_engine.fonts import face
from ocr_engine.types import Image

# Any: the library is not annotated.
_mupdf: Any = pymupdf

LINES = (
    "OCRFleet reads documents at scale.",
    "Invoice 2026-11-23, total 1,284.50 EUR",
    "人工智能文字识别测试",
    "Every accepted job ends exactly once.",
    "东京特许许可局",
    "The quick brown fox jumps over 13 lazy dogs",
)


def sheet(lines: tuple[str, ...] = LINES, *, size: tuple[int, int] = (900, 640)) -> PIL.Image.Image:
    """A white page with one line of 32-pixel black text every 90 pixels."""
    page = PIL.Image.new("RGB", size, "white")
    pen = ImageDraw.Draw(page)
    for row, line in enumerate(lines):
        pen.text((60, 50 + 90 * row), line, fill="black", font=face(32))
    return page


def bgr(page: PIL.Image.Image) -> Image:
    """The page as (H, W, 3) uint8 BGR."""
    return np.ascontiguousarray(np.asarray(page.convert("RGB"), dtype=np.uint8)[:, :, ::-1])


def encoded(page: PIL.Image.Image, kind: str, **options: object) -> bytes:
    """The page as the bytes of a PNG, JPEG, WEBP, BMP or TIFF file."""
    out = io.BytesIO()
    page.save(out, kind, **options)
    return out.getvalue()


def pdf(*pages: PIL.Image.Image, password: str | None = None, points: tuple[int, int] | None = None) -> bytes:
    """A PDF with each page as a picture, at 144 dpi or `points` large, locked when there is a password."""
    document = _mupdf.open()
    for page in pages:
        width, height = points or (page.width // 2, page.height // 2)
        leaf = document.new_page(width=width, height=height)
        leaf.insert_image(leaf.rect, stream=encoded(page, "PNG"))
    lock = {"encryption": _mupdf.PDF_ENCRYPT_AES_256, "user_pw": password} if password is not None else {}
    return bytes(document.tobytes(**lock))


def saved(folder: Path, name: str, content: bytes) -> Path:
    """The content as a file."""
    path = folder / name
    path.write_bytes(content)
    return path
