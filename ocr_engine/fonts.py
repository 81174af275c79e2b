"""The typeface of drawings: Droid Sans Fallback, which PyMuPDF carries. No system font, no download."""

from __future__ import annotations

import io
from functools import lru_cache
from typing import Any

import pymupdf
from PIL import ImageFont

from ocr_engine.pdf import MUPDF_LOCK

# Any: the library is not annotated.
_mupdf: Any = pymupdf

# Sizes kept open. A page has few; each holds a face, not a copy of the file.
_SIZES_KEPT = 64


@lru_cache(maxsize=1)
def cjk_font_bytes() -> bytes:
    """A TrueType file with Latin, Greek, Cyrillic, kana and CJK."""
    with MUPDF_LOCK:
        return bytes(_mupdf.Font("cjk").buffer)


@lru_cache(maxsize=_SIZES_KEPT)
def face(size_px: int) -> ImageFont.FreeTypeFont:
    """The typeface at this size in pixels."""
    return ImageFont.truetype(io.BytesIO(cjk_font_bytes()), size_px)
