"""The records of a sample document: its bytes, its pages and the text drawn on them."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class SampleLine:
    """One line of text on a page.

    text: as a person would type it.
    polygon: four (x, y), pixels of the stored page, origin top-left, clockwise from the text's own top-left.
    """

    text: str
    polygon: tuple[tuple[float, float], ...]


@dataclass(frozen=True, kw_only=True)
class SamplePage:
    """One page as the engine will see it: width and height in pixels (144 dpi for a PDF)."""

    width: int
    height: int
    lines: tuple[SampleLine, ...]


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One document with its truth. name is a file name; data is the whole file."""

    name: str
    media_type: str
    data: bytes = field(repr=False)
    pages: tuple[SamplePage, ...]


def warp_lines(lines: Iterable[SampleLine], matrix: NDArray[np.float64]) -> tuple[SampleLine, ...]:
    """Move every polygon with a homography.

    matrix: float64, (3, 3), from old to new pixels, acting on columns (x, y, 1).
    """
    return tuple(SampleLine(text=line.text, polygon=_warp(line.polygon, matrix)) for line in lines)


def _warp(polygon: tuple[tuple[float, float], ...], matrix: NDArray[np.float64]) -> tuple[tuple[float, float], ...]:
    corners = np.column_stack([np.asarray(polygon, dtype=np.float64), np.ones(len(polygon))])
    moved = corners @ matrix.T
    return tuple((float(x / w), float(y / w)) for x, y, w in moved)
