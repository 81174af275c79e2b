"""The invisible text of one page as PDF operators: each word stretched over its own place, along its own slant."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from statistics import median
from typing import TypeAlias

from ocr_engine.exports.glyphless import DESCENT, UNITS, GlyphlessFont
from ocr_engine.exports.page_text import TextLine
from ocr_engine.placed_words import PlacedWord, width_em

#: a, b, c, d, e, f of ISO 32000-1, 8.3.4: x' = a x + c y + e, y' = b x + d y + f.
Matrix: TypeAlias = tuple[float, float, float, float, float, float]
#: The name by which pages know the font.
RESOURCE = "OCRFleet"

# Extractors tell words by the gap between them; in heights of the line, above what poppler and PDFium ask for.
_LEAST_GAP = 0.25
# How far a word of a straight line may lie off its baseline, in heights of the line.
_BENT = 0.15
# In units of 1/72 inch: what is smaller cannot be selected, and would divide by nothing.
_LEAST_SIDE = 1e-3


@dataclass(frozen=True, kw_only=True, slots=True)
class _Strip:
    """A word's place in units of its PDF page: its lower left corner, its direction in radians, and its size."""

    x: float
    y: float
    angle: float
    width: float
    height: float


def text_layer(lines: Sequence[TextLine], font: GlyphlessFont, matrix: Matrix) -> bytes:
    """A content stream that writes the lines in text rendering mode 3, which paints nothing.

    matrix: from the page's pixels, y downwards, to the units of its PDF page, y upwards.
    """
    operators = ["q BT 3 Tr"]
    for line in lines:
        operators += _line(line, font, matrix)
    return "\n".join([*operators, "ET Q\n"]).encode()


def _line(line: TextLine, font: GlyphlessFont, matrix: Matrix) -> Iterator[str]:
    """The words one after the other, a space behind each but the last: so extractors keep them in one line."""
    strips = _on_one_line([_strip(word, matrix) for word in line.words])
    for word, strip, following in zip_longest(line.words, strips, strips[1:]):
        natural = sum(width_em(character) for character in word.text) or 0.5
        shown = strip if following is None else _apart(strip, following)
        stretch = 100.0 * shown.width / (natural * shown.height)
        cos, sin = math.cos(shown.angle), math.sin(shown.angle)
        rise = -DESCENT / UNITS * shown.height
        place = f"{cos:.5f} {sin:.5f} {-sin:.5f} {cos:.5f} {shown.x - rise * sin:.3f} {shown.y + rise * cos:.3f}"
        text = font.encode(word.text if following is None else f"{word.text} ")
        yield f"/{RESOURCE} {shown.height:.3f} Tf {stretch:.3f} Tz {place} Tm <{text}> Tj"


def _strip(word: PlacedWord, matrix: Matrix) -> _Strip:
    upper_left, _, lower_right, lower_left = (_mapped(point, matrix) for point in word.quad)
    along = (lower_right[0] - lower_left[0], lower_right[1] - lower_left[1])
    return _Strip(
        x=lower_left[0],
        y=lower_left[1],
        angle=math.atan2(along[1], along[0]),
        width=max(math.hypot(*along), _LEAST_SIDE),
        height=max(math.dist(upper_left, lower_left), _LEAST_SIDE),
    )


def _on_one_line(strips: Sequence[_Strip]) -> list[_Strip]:
    """The strips on one baseline with one height, as extractors expect of a line; as they are where the line is bent.

    Corners are whole pixels, which alone would give each word a slant of its own.
    """
    first, last = strips[0], strips[-1]
    end = (last.x + last.width * math.cos(last.angle), last.y + last.width * math.sin(last.angle))
    angle = math.atan2(end[1] - first.y, end[0] - first.x)
    cos, sin = math.cos(angle), math.sin(angle)
    height = median(strip.height for strip in strips)
    straight = []
    for strip in strips:
        x, y = strip.x - first.x, strip.y - first.y
        along, off = x * cos + y * sin, y * cos - x * sin
        if abs(off) > _BENT * height or math.cos(strip.angle - angle) < 0.0:
            return list(strips)
        place = (first.x + along * cos, first.y + along * sin)
        straight.append(replace(strip, x=place[0], y=place[1], angle=angle, height=height))
    return straight


def _apart(strip: _Strip, following: _Strip) -> _Strip:
    """The strip, made shorter where the next word of the line follows too closely to be told from it."""
    advance = (following.x - strip.x) * math.cos(strip.angle) + (following.y - strip.y) * math.sin(strip.angle)
    if advance <= 0.0:  # the line is written from right to left
        return strip
    most = max(advance - _LEAST_GAP * strip.height, strip.width / 2)
    return replace(strip, width=min(strip.width, most))


def _mapped(point: tuple[float, float], matrix: Matrix) -> tuple[float, float]:
    (x, y), (a, b, c, d, e, f) = point, matrix
    return a * x + c * y + e, b * x + d * y + f
