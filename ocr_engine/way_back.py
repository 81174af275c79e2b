"""The way from the page that was read back to the page as it was given."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ocr_engine.geometry import to_curved, to_original
from ocr_engine.types import Angle, Grid, Image, PageReading, Polygon


@dataclass(frozen=True, kw_only=True, slots=True)
class WayBack:
    """How one page was turned and flattened. `width`, `height`: of the page as it was given, pixels.

    Exact through turning. Through unwarping a corner is where its pixel was sampled, rounded to a whole pixel: at most
    half a pixel off on each axis. The sides between corners stay straight here, and bend on a curved page.
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
            across = self.angle in (90, 270)
            width, height = (self.height, self.width) if across else (self.width, self.height)
            polygon = to_curved(np.asarray(polygon), self.grid, width, height)
        return to_original(polygon, self.angle, self.width, self.height)
