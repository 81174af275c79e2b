"""The arrays and small records that the modules hand to each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

#: (H, W, 3) uint8, blue-green-red, row 0 at the top.
Image: TypeAlias = npt.NDArray[np.uint8]
#: float32, (n, channels, height, width): what a network takes. What it gives back is documented per module.
Tensor: TypeAlias = npt.NDArray[np.float32]
#: float32, (classes,) or (n, classes): probabilities, 0..1.
Scores: TypeAlias = npt.NDArray[np.float32]
#: (n, steps): the best class of each step of a recogniser.
Classes: TypeAlias = npt.NDArray[np.intp]
#: (4, 2) float32, pixels, origin top-left, clockwise from the text's top-left corner.
Corners: TypeAlias = npt.NDArray[np.float32]
#: (4, 2) int16, the same order; a corner may lie on the far edge: 0 <= x <= W, 0 <= y <= H.
Polygon: TypeAlias = npt.NDArray[np.int16]
#: (2, rows, columns) float32: x and y on the curved page, -1..1 between the middles of its edge pixels, for knots that
#: are evenly spread over the flat page from edge to edge.
Grid: TypeAlias = npt.NDArray[np.float32]
#: Four (x, y) in whole pixels, clockwise from the word's top-left corner; downwards first in a vertical line.
WordQuad: TypeAlias = tuple[tuple[int, int], tuple[int, int], tuple[int, int], tuple[int, int]]
#: Clockwise turn, in degrees, that the page as stored had been given; undone by turning it back.
Angle: TypeAlias = Literal[0, 90, 180, 270]


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """One recognised crop. `score` is 0..1, the mean over the characters kept; 0 when the text is empty.

    `columns`: the recogniser's step at which each character was read; `steps`: how many steps the line itself took.
    """

    text: str
    score: float
    columns: tuple[int, ...] = ()
    steps: float = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One text line of a page: where it is and what it says."""

    polygon: Polygon
    reading: Reading


@dataclass(frozen=True, kw_only=True, slots=True)
class PageReading:
    """What the pipeline found on one page, before it becomes a result.

    `grid`: how the page was made flat; None: it was not, or it was made flat by a network that does not tell how, and
    then it is `flat`.

    `polygons` are all detected lines that could be cropped, in reading order; `lines` those whose score passes.
    Both are in pixels of the page after it was turned and flattened. `angle` is None when that was off.
    `line_classes`: 1 for a line that was upside down, 0 for one that was not; None when not asked.
    """

    angle: Angle | None
    grid: Grid | None = None
    flat: Image | None = None
    line_classes: tuple[int, ...] | None = None
    polygons: tuple[Polygon, ...]
    lines: tuple[Line, ...]
    timings_ms: dict[str, float]
