"""What the pipeline needs from whatever reads the lines that were found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from ocr_engine.types import Image, Polygon, Reading


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
    def is_upside_down(self) -> bool:
        """Whether most lines were."""
        return 2 * sum(self.classes or ()) > len(self.readings)


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
