"""The typefaces of the samples: the fonts that PyMuPDF carries, so that no system font is needed."""

import io
from dataclasses import dataclass
from functools import cache

import pymupdf
from PIL import ImageFont

Colour = tuple[int, int, int]  # red, green, blue; 0..255

SANS = "helv"
SANS_BOLD = "hebo"
SERIF = "tiro"
SERIF_BOLD = "tibo"
SERIF_ITALIC = "tiit"
TYPEWRITER = "cour"
TYPEWRITER_BOLD = "cobo"
CHINESE = "cjk"

# Advances are rounded to whole pixels by the hinter: at this size the error is a thousandth of an em.
_MEASURING_SIZE_PX = 1000


@dataclass(frozen=True, kw_only=True)
class Style:
    """How a run of text looks. leading: distance of two baselines, in sizes."""

    face: str
    size_pt: float
    ink: Colour = (28, 28, 32)
    leading: float = 1.32

    @property
    def step_pt(self) -> float:
        """Distance of two baselines in points."""
        return self.size_pt * self.leading


@dataclass(frozen=True, kw_only=True)
class InkBox:
    """The extent of drawn text in points, relative to the pen's start on the baseline; y grows downwards."""

    left_pt: float
    top_pt: float
    right_pt: float
    bottom_pt: float


@cache
def font(face: str, size_px: float) -> ImageFont.FreeTypeFont:
    """Open a face at a size. Basic layout: no ligatures, so that the drawn text is the typed text."""
    return ImageFont.truetype(io.BytesIO(_font_bytes(face)), size_px, layout_engine=ImageFont.Layout.BASIC)


def text_width_pt(text: str, style: Style) -> float:
    """How far the pen moves, in points."""
    return float(font(style.face, _MEASURING_SIZE_PX).getlength(text)) * style.size_pt / _MEASURING_SIZE_PX


def ink_box(text: str, style: Style) -> InkBox:
    """Where the ink falls, in points."""
    box = font(style.face, _MEASURING_SIZE_PX).getbbox(text, anchor="ls")
    left, top, right, bottom = (value * style.size_pt / _MEASURING_SIZE_PX for value in box)
    return InkBox(left_pt=left, top_pt=top, right_pt=right, bottom_pt=bottom)


@cache
def _font_bytes(face: str) -> bytes:
    return bytes(pymupdf.Font(face).buffer)
