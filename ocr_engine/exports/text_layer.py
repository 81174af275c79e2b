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
_QUARTER = math.pi / 2
# The tangent of the steepest slant that is written as steps, and the share of a word's height that it may cost.
_STEEP = math.tan(math.radians(10))
_MOST_LOST = 0.6
_MOST_PIECES = 2
_NO_WIDTH_EM = 0.5  # of a word of combining marks only
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
        shown = strip if following is None else _apart(strip, following)
        pieces = list(_upright(word.text, shown))
        for number, (text, piece) in enumerate(pieces):
            # PDFium runs the lines of turned text together unless there is a space between them.
            is_end = number == len(pieces) - 1 and (following is not None or _quarters(strip) != 0)
            yield _operators(text, piece, font.encode(f"{text} " if is_end else text))


def _operators(text: str, strip: _Strip, code: str) -> str:
    """Show the code so that the text in it fills the strip."""
    natural = sum(width_em(character) for character in text) or _NO_WIDTH_EM
    stretch = 100.0 * strip.width / (natural * strip.height)
    cos, sin = math.cos(strip.angle), math.sin(strip.angle)
    rise = -DESCENT / UNITS * strip.height
    place = f"{cos:.5f} {sin:.5f} {-sin:.5f} {cos:.5f} {strip.x - rise * sin:.3f} {strip.y + rise * cos:.3f}"
    return f"/{RESOURCE} {strip.height:.3f} Tf {stretch:.3f} Tz {place} Tm <{code}> Tj"


def _upright(text: str, strip: _Strip) -> Iterator[tuple[str, _Strip]]:
    """The word of a slightly slanted line as upright boxes inside its own, which step along the slant.

    poppler parts a word in two where its baseline has moved by half a point. A box is lower than the word by as much as
    the slant rises along it, so a long word is two. What is steeper or longer stays as it is: MuPDF and PDFium read it.
    """
    upright = _quarters(strip) * _QUARTER
    slant = math.tan(strip.angle - upright)
    count = max(math.ceil(abs(slant) * strip.width / (_MOST_LOST * strip.height)), 1)
    if abs(slant) > _STEEP or count > _MOST_PIECES:
        yield text, strip
        return
    cos, sin = math.cos(strip.angle), math.sin(strip.angle)
    size = math.ceil(len(text) / count)
    ems = [width_em(character) for character in text]
    whole = sum(ems) or _NO_WIDTH_EM
    for at in range(0, len(text), size):
        start = sum(ems[:at]) / whole * strip.width
        width = sum(ems[at : at + size]) / whole * strip.width
        lost = abs(slant) * width
        # Along an upward slant the box stands on the end of the word's lower side, else on its beginning.
        lift = lost if slant > 0 else 0.0
        x, y = strip.x + start * cos, strip.y + start * sin
        yield (
            text[at : at + size],
            replace(
                strip,
                x=x - lift * math.sin(upright),
                y=y + lift * math.cos(upright),
                angle=upright,
                width=max(width * math.cos(strip.angle - upright), _LEAST_SIDE),
                height=max(strip.height - lost, _LEAST_SIDE),
            ),
        )


def _quarters(strip: _Strip) -> int:
    """The nearest quarter turn of the direction in which it is read."""
    return round(strip.angle / _QUARTER)


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
