"""What the pipeline needs from whatever reads the lines that were found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol
from unicodedata import east_asian_width

from ocr_engine.geometry import quarter_of, turned
from ocr_engine.types import Angle, Image, Polygon, Reading

# A label or two may stand on a page that does not.
_FEW_LINES = 3
# Wide and full-width characters. Of a line of these, its network cannot tell whether it is a row or a column.
_IN_COLUMNS = ("W", "F")


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadLines:
    """The lines of a page that could be cut out, in the order of their polygons.

    classes: 1 for a line that was upside down, else 0; None when that was not asked.
    timings_ms: milliseconds by stage.
    """

    polygons: tuple[Polygon, ...]
    readings: tuple[Reading, ...]
    classes: tuple[int, ...] | None
    timings_ms: Mapping[str, float] = field(default_factory=dict)

    @property
    def angle(self) -> Angle:
        """By how much the page is to be turned further, counter-clockwise, for most lines to run from left to right.

        0 where no most agree. By a quarter not for a label or two, nor in a script that is written in columns as well.
        """
        classes = self.classes or (0,) * len(self.polygons)
        ways = [turned(quarter_of(line), 180 * one) for line, one in zip(self.polygons, classes, strict=True)]
        most = max(set(ways), key=ways.count) if ways else 0
        if 2 * ways.count(most) <= len(ways):
            return 0
        is_quarter = most in (90, 270)
        return 0 if is_quarter and (len(ways) < _FEW_LINES or self._is_for_columns) else most

    @property
    def mean_score(self) -> float:
        """0..1; 0 without lines."""
        return sum(reading.score for reading in self.readings) / max(len(self.readings), 1)

    @property
    def _is_for_columns(self) -> bool:
        text = "".join(reading.text for reading in self.readings)
        return 2 * sum(east_asian_width(character) in _IN_COLUMNS for character in text) >= len(text)


class LineReader(Protocol):
    """A way to read lines. Holds no state per call; safe from several threads."""

    @property
    def can_turn(self) -> bool:
        """True if upside-down lines can be turned."""

    def read(self, page: Image, polygons: Sequence[Polygon], *, turn: bool) -> ReadLines:
        """Cut each line out of the page (H, W, 3) and read it, upside-down lines turned first if `turn`.

        Raises: OutOfMemory (retryable), InternalError.
        """

    def warm_up(self) -> None:
        """Run every network once."""
