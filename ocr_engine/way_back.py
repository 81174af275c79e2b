"""The way from the page that was read back to the page as it was given."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ocr_engine.geometry import to_curved, to_original
from ocr_engine.types import Angle, Grid, Image, PageReading, Polygon


@dataclass(frozen=True, kw_only=True, slots=True)
class WayBack:
    """How one page was turned and flattened. `width`, `height`: of the page as it was given, pixels.

    Exact through turning. Through unwarping a corner is where its pixel was sampled, rounded to a whole pixel: at most
    half a pixel off on each axis. The sides between corners are straight here and bent on a curved page: `outline`
    follows them.
    """

    angle: Angle
    grid: Grid | None
    width: int
    height: int

    @classmethod
    def of(cls, page: Image, reading: PageReading) -> WayBack | None:
        """None: the page was unwarped by a network that does not tell how."""
        if reading.flat is not None and reading.grid is None:
            return None
        height, width = page.shape[:2]
        return cls(angle=reading.angle or 0, grid=reading.grid, width=width, height=height)

    def trace(self, polygon: Polygon) -> list[list[int]]:
        """The polygon (n, 2) of the page that was read, in pixels of the page as it was given."""
        if self.grid is not None:
            polygon = to_curved(polygon, self.grid, *self._turned_size)
        return to_original(polygon, self.angle, self.width, self.height)

    def outline(self, polygon: Polygon) -> list[list[int]]:
        """Like `trace`, with points along the sides where the page was bent: two for each knot's distance.

        Between two knots the grid is nearly straight: the outline is within a pixel of the bent side, besides rounding.
        """
        if self.grid is None:
            return self.trace(polygon)
        across, down = (
            side / (knots - 1) for side, knots in zip(self._turned_size, self.grid.shape[:0:-1], strict=True)
        )
        points: list[npt.NDArray[np.float64]] = []
        for start, end in zip(polygon.astype(np.float64), np.roll(polygon, -1, axis=0), strict=True):
            pieces = max(math.ceil(2 * np.abs((end - start) / (across, down)).max()), 1)
            points += [start + (end - start) * at / pieces for at in range(pieces)]
        return self.trace(np.rint(points).astype(np.int16))

    @property
    def _turned_size(self) -> tuple[int, int]:
        """Width and height of the page after it was turned."""
        return (self.height, self.width) if self.angle in (90, 270) else (self.width, self.height)
