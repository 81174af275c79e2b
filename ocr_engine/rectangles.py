"""The smallest rotated rectangle around points, with the same bits from every OpenCV 4.

OpenCV 4.12 describes the rectangle by its other side and places its corners with other arithmetic: the same rectangle,
but corners up to 6e-5 pixels apart. That is enough to cut a line one pixel wider and to move its score by 6e-3 from the
reference's, which is pinned to OpenCV 4.10. Here the description of 4.10 is recovered from that of any release.
"""

from __future__ import annotations

import math
from functools import lru_cache

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
    x, y, width, height = map(np.float32, rectangle)
    turn = angle_deg * math.pi / 180.0
    half = np.float32(0.5)
    sine, cosine = np.float32(math.sin(turn)) * half, np.float32(math.cos(turn)) * half
    up_x, up_y, along_x, along_y = sine * height, cosine * height, cosine * width, sine * width
    first = (x - up_x - along_x, y + up_y - along_y)
    second = (x + up_x - along_x, y - up_y - along_y)
    twice_x, twice_y = x + x, y + y
    # In a flat tuple: numpy takes twice as long over nested ones.
    flat = (*first, *second, twice_x - first[0], twice_y - first[1], twice_x - second[0], twice_y - second[1])
    return np.array(flat, dtype=np.float32).reshape(4, 2)


def _ends_upright(points: npt.NDArray[np.int32]) -> bool:
    """Whether 4.10 would say 90 degrees of a rectangle along the axes, and not 0, which are the same but for rounding.

    Its callipers go round from the hull's first point and keep the last of the smallest rectangles. An edge along the
    axes that ends in the first point is met last, at 90 degrees; all others at 0. Whether a rectangle is as small as
    another is a matter of how far an edge's direction, as a float, is from 1.
    """
    hull = cv2.convexHull(points, clockwise=True)[:, 0].tolist()
    (first_x, first_y), (last_x, last_y) = hull[0], hull[-1]
    if first_x != last_x and first_y != last_y:
        return False
    before = hull[-1:] + hull[:-1]
    edges = [(abs(x - from_x), abs(y - from_y)) for (x, y), (from_x, from_y) in zip(hull, before, strict=True)]
    first, *others = (_direction(max(edge)) for edge in edges if min(edge) == 0)
    return all(first <= other for other in others)


@lru_cache(maxsize=4096)  # the lengths of a page come again and again
def _direction(length: int) -> np.float32:
    """How far along its axis the direction of an edge of this length reaches, which would be 1 without rounding."""
    return np.float32(length) * np.float32(1.0 / length)


def _angle_of_first_side(points: npt.NDArray[np.int32], side: float, near_deg: float) -> float:
    """The angle in all its bits, degrees, from the edge of the hull that the rectangle lies on.

    side: its length, which tells edges apart that are parallel to a float's precision. near_deg: the angle to a few of
    the last bits, which is also the answer when no edge fits.
    """
    hull = cv2.convexHull(points)[:, 0].tolist()
    cosine, sine = math.cos(math.radians(near_deg)), math.sin(math.radians(near_deg))
    best, best_deg = (True, math.inf), near_deg
    for (from_x, from_y), (to_x, to_y) in zip(hull, hull[1:] + hull[:1], strict=True):
        edge_x, edge_y = to_x - from_x, to_y - from_y
        along, across = abs(edge_x * cosine + edge_y * sine), abs(edge_y * cosine - edge_x * sine)
        if min(along, across) >= _PARALLEL * max(along, across):
            continue
        angle_deg, length = _side_on((edge_x, edge_y), hull, is_across=across > along)
        rank = (abs(angle_deg - near_deg) > _LAST_BITS_DEG, abs(length - side))
        if rank <= best:
            best, best_deg = rank, angle_deg
    return best_deg


def _side_on(edge: tuple[int, int], hull: list[list[int]], *, is_across: bool) -> tuple[float, float]:
    """Angle, degrees, and length of the first side of the rectangle on an edge of the hull, or across it."""
    scale = np.float32(1.0 / math.hypot(*edge))
    x, y = (np.float32(abs(part)) * scale for part in edge)
    if is_across:
        x, y = y, x
    ahead = [float(x) * at_x + float(y) * at_y for at_x, at_y in hull]
    last, first = hull[ahead.index(max(ahead))], hull[ahead.index(min(ahead))]
    extent = np.float32(last[0] - first[0]) * x + np.float32(last[1] - first[1]) * y
    side_x, side_y = float(x * extent), float(y * extent)
    angle = np.float32(math.atan2(side_y, side_x)) * np.float32(180)
    return float(np.float32(float(angle) / math.pi)), float(np.float32(math.hypot(side_x, side_y)))
