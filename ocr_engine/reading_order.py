"""The order in which a page's lines are read: rows from top to bottom, along the way that the page is tilted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ocr_engine.types import Polygon

# A line is in a row if so much of the lower one's height lies beside the other.
_ROW_SHARE = 0.5
# From so many times its width on a line is turned to be read: it is set downwards.
_TALL_RATIO = 1.5
# Only lines so many times as long as they are high tell how the page is tilted.
_TELLING_RATIO = 3.0


def in_rows(polygons: Sequence[Polygon]) -> list[Polygon]:
    """The lines row by row, each from left to right. A line that is set downwards is where it begins.

    The page is tilted as most of its longer lines are, so that the ends of a row stay in it. The reference's order,
    `sort_boxes`, takes a row apart whose ends differ by ten pixels.
    """
    if len(polygons) < 2:
        return list(polygons)
    corners = np.asarray(polygons, dtype=np.float64)
    left, top, bottom = _upright(corners, _tilt(corners))
    rows: list[list[int]] = []
    for at in np.argsort(top + bottom, kind="stable").tolist():
        if rows:
            row_top, row_bottom = top[rows[-1]].mean(), bottom[rows[-1]].mean()
            beside = min(bottom[at], row_bottom) - max(top[at], row_top)
            if beside > _ROW_SHARE * min(bottom[at] - top[at], row_bottom - row_top):
                rows[-1].append(at)
                continue
        rows.append([at])
    return [polygons[at] for row in rows for at in sorted(row, key=left.__getitem__)]


def _tilt(corners: npt.NDArray[np.float64]) -> float:
    """The median direction of the upper edges of the longer lines, radians, clockwise on the page."""
    across, down = corners[:, 1] - corners[:, 0], corners[:, 3] - corners[:, 0]
    telling = np.linalg.norm(across, axis=1) > _TELLING_RATIO * np.linalg.norm(down, axis=1)
    if not telling.any():
        return 0.0
    return float(np.median(np.arctan2(across[telling, 1], across[telling, 0])))


def _upright(
    corners: npt.NDArray[np.float64], tilt: float
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Left, top and bottom of each line once the tilt is taken out; a tall one ends where a usual line would."""
    cosine, sine = np.cos(tilt), np.sin(tilt)
    x = corners[:, :, 0] * cosine + corners[:, :, 1] * sine
    y = corners[:, :, 1] * cosine - corners[:, :, 0] * sine
    top, bottom, width, height = y.min(axis=1), y.max(axis=1), np.ptp(x, axis=1), np.ptp(y, axis=1)
    tall = height > _TALL_RATIO * width
    usual = np.median(height[~tall]) if (~tall).any() else np.median(width)
    return x.min(axis=1), top, np.where(tall, top + usual, bottom)
