"""What every export writes: the lines of a page in reading order, in the pixels of the page as it was given."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, BinaryIO, Protocol, TypeAlias

import numpy as np

from ocr_engine.placed_words import PlacedWord, words_on
from ocr_engine.types import Reading

#: x_min, y_min, x_max, y_max in whole pixels.
Box: TypeAlias = tuple[int, int, int, int]
# What XML 1.0 forbids; a recogniser's alphabet has none, a caller's might.
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, kw_only=True, slots=True)
class TextLine:
    """A line of text. `score`: 0..1, of the line as a whole. `polygon`: its corners, pixels, as (x, y)."""

    score: float
    polygon: tuple[tuple[float, float], ...]
    words: tuple[PlacedWord, ...]

    @property
    def text(self) -> str:
        """The words with single spaces between them."""
        return " ".join(word.text for word in self.words)

    @property
    def baseline(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """From the lower left corner of the first word to the lower right corner of the last, as they are read."""
        return self.words[0].quad[3], self.words[-1].quad[2]


@dataclass(frozen=True, kw_only=True, slots=True)
class PageText:
    """One page. `number` counts from 1. A page that could not be read has no size and no lines."""

    number: int
    width: int = 0
    height: int = 0
    lines: tuple[TextLine, ...] = ()

    @classmethod
    def parse(cls, page: Mapping[str, Any]) -> PageText:
        """Of a page's JSON: `page`, `width`, `height`, `result`, `original_polys`, and `original_words` if it is there.

        Any: it is JSON. Lines without a place on the page as it was given are left out.
        """
        result = page.get("result") or {}
        polygons = page.get("original_polys") or []
        words = page.get("original_words") or [None] * len(polygons)
        texts, scores = result.get("rec_texts", []), result.get("rec_scores", [])
        lines = (_line(*line) for line in zip(texts, scores, polygons, words, strict=False))
        return cls(
            number=page["page"],
            width=page.get("width") or 0,
            height=page.get("height") or 0,
            lines=tuple(line for line in lines if line.words),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class DocumentInfo:
    """What an export says of its document. `page_count`: how many pages will be added."""

    filename: str
    page_count: int
    engine: str


class Export(Protocol):
    """A file in the making. Pages are added in order; nothing of them is kept but what the format needs at its end."""

    def add(self, page: PageText) -> None:
        """Write one page. Raises: OSError; EngineError: this format cannot be made of this document."""

    def finish(self) -> None:
        """Write what follows the last page. Raises: OSError, EngineError."""


class OpenExport(Protocol):
    """Starts an export into a file that is open for writing. Raises: OSError."""

    def __call__(self, file: BinaryIO, info: DocumentInfo) -> Export: ...


def bounding_box(points: Sequence[tuple[float, float]]) -> Box:
    """Around some points, rounded outwards."""
    corners = np.asarray(points, dtype=np.float64)
    left, top = np.floor(corners.min(axis=0))
    right, bottom = np.ceil(corners.max(axis=0))
    return int(left), int(top), int(right), int(bottom)


def around(lines: Sequence[TextLine]) -> Box:
    """The box around some lines."""
    return bounding_box([point for line in lines for point in line.polygon])


def angle_deg(line: TextLine) -> float:
    """The direction in which the line is read: 0 to the right, 90 upwards, counter-clockwise, 0 <= angle < 360."""
    (x0, y0), (x1, y1) = line.words[0].quad[3], line.words[0].quad[2]
    return float(np.degrees(np.arctan2(y0 - y1, x1 - x0)) % 360.0)


def quarter_of(angle: float) -> int:
    """The nearest quarter turn: 0, 90, 180 or 270."""
    return int(round(angle / 90.0) % 4) * 90


def escaped(text: str) -> str:
    """The text as it stands in XML, between tags or quotes; what XML cannot hold is left out."""
    return escape(_NOT_XML.sub("", text))


def _line(
    text: str, score: float, polygon: Sequence[Sequence[float]], words: Sequence[Mapping[str, Any]] | None
) -> TextLine:
    return TextLine(
        score=min(max(float(score), 0.0), 1.0),
        polygon=tuple((float(x), float(y)) for x, y in polygon),
        words=tuple(_words(text, polygon) if words is None else _given(words)),
    )


def _given(words: Sequence[Mapping[str, Any]]) -> Iterator[PlacedWord]:
    for word in words:
        yield PlacedWord(text=word["text"], quad=tuple((float(x), float(y)) for x, y in word["poly"]))


def _words(text: str, polygon: Sequence[Sequence[float]]) -> tuple[PlacedWord, ...]:
    """Words whose places were not kept: spread over the line by the usual widths of letters."""
    return words_on(Reading(text=text, score=1.0), np.asarray(polygon, dtype=np.int16), is_upside_down=False)
