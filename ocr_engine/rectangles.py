"""The smallest rotated rectangle around points, with the same bits from every OpenCV 4.

OpenCV 4.12 describes the rectangle by its other side and places its corners with other arithmetic: the same rectangle,
but corners up to 6e-5 pixels apart. That is enough to cut a line one pixel wider and to move its score by 6e-3 from the
reference's, which is pinned to OpenCV 4.10. Here the description of 4.10 is recovered from that of any release.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
import numpy.typing as npt

from ocr_engine.types import Corners

# A side of the rectangle lies on an edge of the hull; the angle that is given has a 32-bit float's precision.
_PARALLEL = 2e-5
_LAST_BITS_DEG = 1e-5


def smallest_rectangle(points: npt.NDArray[np.int32], *, min_side_px: float = 0.0) -> Corners | None:
    """The corners of the rectangle around whole points (n, 2) or (n, 1, 2), in no order; None: a side is too short."""
    middle, sides, angle_deg = cv2.minAreaRect(points)
    if min(sides) < min_side_px:
        return None
    width, height = sides
    if angle_deg < 0.0 and min(sides) > 0.0:  # else this is 4.10, or there is nothing to turn
        if angle_deg == -90.0 and _ends_upright(points):
            angle_deg = 90.0
        else:
            width, height = height, width
            angle_deg = _angle_of_first_side(points, width, angle_deg + 90.0) if angle_deg > -90.0 else 0.0
    return _corners((middle[0], middle[1], width, height), angle_deg)


def _corners(rectangle: tuple[float, float, float, float], angle_deg: float) -> Corners:
    """The corners of a rectangle: x and y of its middle, and its sides. Every step is rounded to 32 bits, as there."""
    x, y, width, height = (np.float32(value) for value in rectangle)
    turn = angle_deg * math.pi / 180.0
    half = np.float32(0.5)
    sine, cosine = np.float32(math.sin(turn)) * half, np.float32(math.cos(turn)) * half
    first = (x - sine * height - cosine * width, y + cosine * height - sine * width)
    second = (x + sine * height - cosine * width, y - cosine * height - sine * width)
    third, fourth = ((2 * x - px, 2 * y - py) for px, py in (first, second))
    return np.array([first, second, third, fourth], dtype=np.float32)


def _ends_upright(points: npt.NDArray[np.int32]) -> bool:
    """Whether 4.10 would say 90 degrees of a rectangle along the axes, and not 0, which are the same but for rounding.

    Its callipers go round from the hull's first point and keep the last of the smallest rectangles. An edge along the
    axes that ends in the first point is met last, at 90 degrees; all others at 0. Whether a rectangle is as small as
    another is a matter of how far an edge's direction, as a float, is from 1.
    """
    hull = cv2.convexHull(points, clockwise=True)[:, 0]
    edges = np.abs(hull - np.roll(hull, 1, axis=0))
    lengths = edges.sum(axis=1)[edges.min(axis=1) == 0].astype(np.float32)
    if edges[0].min() > 0:
        return False
    directions = lengths * (1.0 / lengths.astype(np.float64)).astype(np.float32)
    return bool(directions[0] <= directions.min())


def _angle_of_first_side(points: npt.NDArray[np.int32], side: float, near_deg: float) -> float:
    """The angle in all its bits, degrees, from the edge of the hull that the rectangle lies on.

    side: its length, which tells edges apart that are parallel to a float's precision. near_deg: the angle to a few of
    the last bits, which is also the answer when no edge fits.
    """
    hull = cv2.convexHull(points)[:, 0]
    edges = np.roll(hull, -1, axis=0) - hull
    cosine, sine = math.cos(math.radians(near_deg)), math.sin(math.radians(near_deg))
    along = np.abs(edges @ np.array([cosine, sine]))
    across = np.abs(edges @ np.array([-sine, cosine]))
    best, best_deg = (True, math.inf), near_deg
    for at in np.flatnonzero(np.minimum(along, across) < _PARALLEL * np.maximum(along, across)):
        length = math.hypot(*edges[at])
        x, y = np.abs(edges[at].astype(np.float32)) * np.float32(1.0 / length)
        if across[at] > along[at]:
            x, y = y, x
        reach = hull @ np.array([float(x), float(y)])
        span = hull[reach.argmax()] - hull[reach.argmin()]
        extent = np.float32(span[0]) * x + np.float32(span[1]) * y
        side_x, side_y = float(x * extent), float(y * extent)
        angle = np.float32(math.atan2(side_y, side_x)) * np.float32(180)
        angle_deg = float(np.float32(float(angle) / math.pi))
        rank = (abs(angle_deg - near_deg) > _LAST_BITS_DEG, abs(float(np.float32(math.hypot(side_x, side_y))) - side))
        if rank <= best:
            best, best_deg = rank, angle_deg
    return best_deg
