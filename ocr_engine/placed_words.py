"""The words of a line as a reader parts them, by white space, each with its quadrilateral along the line."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ocr_engine.types import Polygon, Reading

# A line at least this much taller than wide is read downwards.
_VERTICAL_RATIO = 1.5
_TOKEN = re.compile(r"\S+")


@dataclass(frozen=True, kw_only=True, slots=True)
class PlacedWord:
    """A word and where it stands.

    quad: four (x, y) in pixels, clockwise as the word is read: its top left corner first, also where the line runs
    downwards or stands on its head.
    """

    text: str
    quad: tuple[tuple[float, float], ...]


def words_on(reading: Reading, polygon: Polygon, *, is_upside_down: bool) -> tuple[PlacedWord, ...]:
    """The words of a line, in the order of its text. `polygon`: clockwise from its top left corner on the page.

    Where a character was read is known from the recogniser's steps; without them, from the usual widths of letters.
    The words follow the line's slant, unlike the reference's word boxes, which are upright rectangles.
    """
    tokens = list(_TOKEN.finditer(reading.text))
    spans = _spans_by_steps(reading, tokens) if reading.columns else _spans_by_width(reading.text, tokens)
    frame = _as_read(polygon, is_upside_down=is_upside_down)
    return tuple(
        PlacedWord(text=token.group(), quad=_part(frame, *span)) for token, span in zip(tokens, spans, strict=True)
    )


def width_em(character: str) -> float:
    """The usual width of a character in a typeface, in ems: 1 for Han, kana and Hangul, 0 for a combining mark."""
    if unicodedata.combining(character):
        return 0.0
    return 1.0 if unicodedata.east_asian_width(character) in "WF" else 0.5


def _as_read(polygon: Polygon, *, is_upside_down: bool) -> npt.NDArray[np.float64]:
    """The line's corners, clockwise from the top left corner of its text. A tall line is read downwards."""
    corners = polygon.astype(np.float64)
    width = np.linalg.norm(corners[1] - corners[0])
    height = np.linalg.norm(corners[3] - corners[0])
    # The recogniser is given a tall line turned counter-clockwise: what is read first is at the top.
    first = 1 if height >= _VERTICAL_RATIO * width else 0
    return np.roll(corners, -(first + (2 if is_upside_down else 0)), axis=0)


def _part(frame: npt.NDArray[np.float64], start: float, end: float) -> tuple[tuple[float, float], ...]:
    """The piece of the line from one share of its length to another."""
    top, bottom = frame[1] - frame[0], frame[2] - frame[3]
    corners = (frame[0] + top * start, frame[0] + top * end, frame[3] + bottom * end, frame[3] + bottom * start)
    return tuple((round(float(x), 1), round(float(y), 1)) for x, y in corners)


def _spans_by_steps(reading: Reading, tokens: list[re.Match[str]]) -> list[tuple[float, float]]:
    """Start and end of each word, 0..1 of the line, half a character before and behind its outer characters' steps."""
    middles = np.asarray(reading.columns, dtype=np.float64) + 0.5
    pitch = float(np.ptp(middles)) / max(len(middles) - 1, 1) if len(middles) > 1 else reading.steps
    spans = []
    for token in tokens:
        first, last = token.start(), token.end() - 1
        low, high = sorted((middles[first], middles[last]))  # a line of Arabic runs backwards
        spans.append((max(low - pitch / 2, 0.0) / reading.steps, min(high + pitch / 2, reading.steps) / reading.steps))
    return spans


def _spans_by_width(text: str, tokens: list[re.Match[str]]) -> list[tuple[float, float]]:
    ends = np.cumsum([0.0, *(width_em(character) for character in text)])
    whole = float(ends[-1]) or 1.0
    return [(float(ends[token.start()]) / whole, float(ends[token.end()]) / whole) for token in tokens]
