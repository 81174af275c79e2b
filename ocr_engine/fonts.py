"""The typefaces of drawings: those that PyMuPDF carries. No system font, no download."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import pymupdf
from PIL import ImageFont

from ocr_engine.mupdf_lock import MUPDF_LOCK

# Any: the library is not annotated.
_mupdf: Any = pymupdf

# Sizes kept open. A page has few; each holds a face, not a copy of the file.
_SIZES_KEPT = 64
# A recogniser knows up to 18,708 characters.
_CHARACTERS_KEPT = 32_768
_TYPEFACES_KEPT = 64


@dataclass(frozen=True, kw_only=True, slots=True)
class Typeface:
    """One font file inside PyMuPDF. `sample`: a character by which the library finds it again."""

    name: str
    sample: str = field(compare=False)


def default_typeface() -> Typeface:
    """Droid Sans Fallback: Latin, Greek, Cyrillic, Hangul, kana and CJK."""
    with MUPDF_LOCK:
        return Typeface(name=str(_base().name), sample="A")


@lru_cache(maxsize=_CHARACTERS_KEPT)
def typeface_of(character: str) -> Typeface | None:
    """The typeface that draws this character: the default, else Noto's for its script. None: there is none."""
    with MUPDF_LOCK:
        glyph, font = _look_up(character)
        return Typeface(name=str(font.fz_font_name()), sample=character) if glyph else None


@lru_cache(maxsize=_CHARACTERS_KEPT)
def has_glyph(typeface: Typeface, character: str) -> bool:
    """Whether this very typeface draws the character."""
    with MUPDF_LOCK:
        return bool(_mupdf.mupdf.fz_encode_character(_opened(typeface), ord(character)))


@lru_cache(maxsize=_SIZES_KEPT)
def face(size_px: int, typeface: Typeface | None = None) -> ImageFont.FreeTypeFont:
    """A typeface at this size in pixels; None: the default. Scripts are shaped where libfribidi is installed."""
    return ImageFont.truetype(io.BytesIO(_file_of(typeface or default_typeface())), size_px)


@lru_cache(maxsize=_TYPEFACES_KEPT)
def _file_of(typeface: Typeface) -> bytes:
    with MUPDF_LOCK:
        buffer = _mupdf.mupdf.FzBuffer(_mupdf.mupdf.ll_fz_keep_buffer(_opened(typeface).m_internal.buffer))
        return bytes(_mupdf.mupdf.fz_buffer_extract_copy(buffer))


@lru_cache(maxsize=_TYPEFACES_KEPT)
def _opened(typeface: Typeface) -> Any:  # Any: the library's own font object
    return _look_up(typeface.sample)[1]


def _look_up(character: str) -> tuple[int, Any]:
    """The glyph, 0 when there is none, and the font that has it. The caller holds MUPDF_LOCK."""
    glyph, font = _mupdf.mupdf.fz_encode_character_with_fallback(_base().this, ord(character), 0, 0)
    return int(glyph), font


@lru_cache(maxsize=1)
def _base() -> Any:
    return _mupdf.Font("cjk")
