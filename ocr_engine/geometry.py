"""Pure functions on quadrilaterals and pixels: order, sort, crop, turn, map back."""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from ocr_engine.rectangles import smallest_rectangle
from ocr_engine.types import Angle, Corners, Grid, Image, Polygon

# Two boxes whose tops differ by less are one row for the reading order.
_ROW_HEIGHT_PX = 10
# A crop at least this much taller than wide is a vertical line and is laid on its side.
_VERTICAL_RATIO = 1.5
_ANGLES: tuple[Angle, ...] = (0, 90, 180, 270)
# The corner behind each.
_NEXT = [1, 2, 3, 0]
# How far corners may lie from whole pixels and be taken as these: the warp reads places to a 32nd of a pixel.
_WHOLE_PX = 1e-3
# Rows of a page flattened at a time: any number gives the same pixels.
_BAND_ROWS = 128


def min_area_quad(points: npt.NDArray[np.int32], *, min_side_px: float = 0.0) -> Corners | None:
    """The smallest rotated rectangle around whole points (n, 2) or (n, 1, 2); None: its short side is too short."""
    corners = smallest_rectangle(points, min_side_px=min_side_px)
    return None if corners is None else order_corners(corners)


def order_corners(points: Corners) -> Corners:
    """Order four corners clockwise from top-left: the two leftmost by y, then the two rightmost by y."""
    by_x = sorted(points.tolist(), key=lambda corner: corner[0])
    (top_left, bottom_left), (top_right, bottom_right) = (_upper_first(*side) for side in (by_x[:2], by_x[2:]))
    return np.array([top_left, top_right, bottom_right, bottom_left], dtype=np.float32)


def _upper_first(one: list[float], other: list[float]) -> tuple[list[float], list[float]]:
    return (one, other) if other[1] > one[1] else (other, one)


def sort_boxes(polygons: Sequence[Polygon]) -> list[Polygon]:
    """Reading order: top to bottom, and left to right among neighbours whose tops differ by less than 10 px.

    One insertion pass over the y-sorted list, as the reference does; it is not a grouping into rows.
    """
    boxes = sorted(polygons, key=lambda box: (int(box[0][1]), int(box[0][0])))
    for end in range(len(boxes) - 1):
        for at in range(end, -1, -1):
            upper, lower = boxes[at], boxes[at + 1]
            same_row = abs(int(lower[0][1]) - int(upper[0][1])) < _ROW_HEIGHT_PX
            if not (same_row and lower[0][0] < upper[0][0]):
                break
            boxes[at], boxes[at + 1] = lower, upper
    return boxes


def crop_quad(image: Image, polygon: Polygon, *, enough_px: float = math.inf) -> Image | None:
    """Cut the line out and lay it flat: (h, w, 3). None when the quadrilateral has no height or no width.

    enough_px: a line that is warped and taller than that is made this tall at once, and narrower by as much.
    """
    corners = min_area_quad(polygon.astype(np.int32))
    if corners is None:
        return None
    upper, right, lower, left = (np.sqrt(side.dot(side)) for side in corners - corners[_NEXT])
    width, height = int(max(upper, lower)), int(max(left, right))
    if width == 0 or height == 0:
        return None
    flat = np.array([[0, 0], [width, 0], [width, height], [0, height]], dtype=np.float32)
    crop = _slice(image, corners, flat)
    if crop is None:
        crop = _warp(image, corners, flat, min(enough_px / min(width, height), 1.0))
    if height / width >= _VERTICAL_RATIO:
        crop = np.rot90(crop)
    return np.asarray(crop, dtype=np.uint8)


def _warp(image: Image, corners: Corners, flat: Corners, scale: float) -> Image:
    size = (round(flat[2, 0] * scale), round(flat[2, 1] * scale))
    # The middle of a pixel, not its corner, is where it lies.
    smaller = ((flat + 0.5) * scale - 0.5).astype(np.float32)
    matrix = cv2.getPerspectiveTransform(corners, smaller)
    crop = cv2.warpPerspective(image, matrix, size, borderMode=cv2.BORDER_REPLICATE, flags=cv2.INTER_CUBIC)
    return np.asarray(crop, dtype=np.uint8)


def _slice(image: Image, corners: Corners, flat: Corners) -> Image | None:
    """The pixels below corners that stand upright on whole pixels within the page, as they lie: what the warp gives."""
    left, top = (round(place) for place in corners[0].tolist())
    width, height = flat[2].astype(np.int32).tolist()
    if left < 0 or top < 0 or left + width > image.shape[1] or top + height > image.shape[0]:
        return None
    if np.abs(corners - flat - np.array([left, top], dtype=np.float32)).max() > _WHOLE_PX:
        return None
    return image[top : top + height, left : left + width]


def widened(polygon: Polygon, share: float) -> Polygon:
    """The line longer by `share` of its height at both ends, which may lie beyond the page."""
    corners = polygon.tolist()
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = corners
    across_x, across_y = (x1 - x0 + x2 - x3) / 2, (y1 - y0 + y2 - y3) / 2
    down_x, down_y = (x3 - x0 + x2 - x1) / 2, (y3 - y0 + y2 - y1) / 2
    width, height = math.sqrt(across_x**2 + across_y**2), math.sqrt(down_x**2 + down_y**2)
    if min(width, height) < 1.0:
        return polygon
    if height >= _VERTICAL_RATIO * width:
        step, ends = _times((down_x, down_y), share * width / height), (-1, -1, 1, 1)
    else:
        step, ends = _times((across_x, across_y), share * height / width), (-1, 1, 1, -1)
    moved = [
        [_within_int16(at + end * by) for at, by in zip(corner, step, strict=True)]
        for corner, end in zip(corners, ends, strict=True)
    ]
    return np.array(moved, dtype=np.int16)


def quarter_of(polygon: Polygon) -> Angle:
    """By how much a page is turned counter-clockwise for this line to run from left to right, as it is cut out."""
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = polygon.tolist()
    across, down = (x1 - x0 + x2 - x3, y1 - y0 + y2 - y3), (x3 - x0 + x2 - x1, y3 - y0 + y2 - y1)
    dx, dy = down if math.hypot(*down) >= _VERTICAL_RATIO * math.hypot(*across) else across
    if abs(dx) >= abs(dy):
        return 0 if dx >= 0 else 180
    return 90 if dy > 0 else 270


def _times(vector: tuple[float, float], factor: float) -> tuple[float, float]:
    return vector[0] * factor, vector[1] * factor


def _within_int16(place: float) -> int:
    return min(max(round(place), -(2**15)), 2**15 - 1)


def turned(angle: Angle, further: int) -> Angle:
    """The angle after a turn by `further` degrees, a multiple of 90."""
    return _ANGLES[(angle + further) // 90 % 4]


def rotate_quarter(image: Image, angle: Angle) -> Image:
    """Turn the page counter-clockwise by `angle` degrees, with the reference's one-pixel shift.

    The reference turns about (w/2, h/2) instead of the middle pixel, which moves every pixel by exactly one and leaves
    a black first row and/or column. A memory move gives the same bytes as its cubic warp.
    """
    if angle == 0:
        return image
    turned = np.rot90(image, angle // 90)
    down, right = int(angle in (90, 180)), int(angle in (180, 270))
    shifted = np.zeros(turned.shape, dtype=np.uint8)
    shifted[down:, right:] = turned[: turned.shape[0] - down, : turned.shape[1] - right]
    return shifted


def flatten(page: Image, grid: Grid) -> Image:
    """The page resampled through the grid, same size, bilinear; what lies outside the page is black."""
    height, width = page.shape[:2]
    flat = np.empty_like(page)
    # The two maps of a page take eight bytes a pixel, and their making five times that.
    for top in range(0, height, _BAND_ROWS):
        rows = range(top, min(top + _BAND_ROWS, height))
        x, y = _spread(grid, width, height, rows)
        cv2.remap(page, x, y, cv2.INTER_LINEAR, dst=flat[rows.start : rows.stop])
    return flat


def to_curved(polygon: Polygon, grid: Grid, width: int, height: int) -> Polygon:
    """The polygon on the page before `flatten`, clipped to it; the error is that of rounding, half a pixel an axis.

    `width`, `height`: of that page. Straight sides become curves there; the corners are exact.
    """
    points = []
    for x, y in polygon:
        column = min(max(float(x) / max(width - 1, 1), 0.0), 1.0) * (grid.shape[2] - 1)
        row = min(max(float(y) / max(height - 1, 1), 0.0), 1.0) * (grid.shape[1] - 1)
        left, top = min(int(column), grid.shape[2] - 2), min(int(row), grid.shape[1] - 2)
        across, down = column - left, row - top
        cell = grid[:, top : top + 2, left : left + 2].astype(np.float64)
        place = (np.array([1 - down, down]) @ cell) @ np.array([1 - across, across])
        pixel = np.rint((place + 1) / 2 * np.array([width - 1, height - 1]))
        points.append(np.clip(pixel, 0, [width, height]))
    return np.array(points, dtype=np.int16)


def _spread(
    grid: Grid, width: int, height: int, rows: range
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """The grid for these rows of pixels of a flat page of this size: x and y on the curved page, in pixels."""
    columns = np.linspace(0, grid.shape[2] - 1, width, dtype=np.float32)
    lines = np.linspace(0, grid.shape[1] - 1, height, dtype=np.float32)[rows.start : rows.stop]
    knots_x, knots_y = np.meshgrid(columns, lines)
    # Exact bilinear weights: OpenCV's own table of 1/32 pixel would move the page by up to a pixel.
    across, down = knots_x - np.floor(knots_x), knots_y - np.floor(knots_y)
    left, top = knots_x.astype(np.intp), knots_y.astype(np.intp)
    right, bottom = np.minimum(left + 1, grid.shape[2] - 1), np.minimum(top + 1, grid.shape[1] - 1)
    maps = []
    for plane, side in zip(grid, (width, height), strict=True):
        upper = plane[top, left] * (1 - across) + plane[top, right] * across
        lower = plane[bottom, left] * (1 - across) + plane[bottom, right] * across
        maps.append(((upper * (1 - down) + lower * down + 1) / 2 * (side - 1)).astype(np.float32))
    return maps[0], maps[1]


def to_original(polygon: Polygon, angle: Angle, width: int, height: int) -> list[list[int]]:
    """The polygon in pixels of the page before `rotate_quarter` turned it; exact.

    `width`, `height`: of that original page. The first corner stays the text's own top-left.
    """
    points = [(int(x), int(y)) for x, y in polygon]
    match angle:
        case 90:
            return [[width - y, x] for x, y in points]
        case 180:
            return [[width - x, height - y] for x, y in points]
        case 270:
            return [[y, height - x] for x, y in points]
        case _:
            return [[x, y] for x, y in points]


def bounds(polygon: Polygon) -> list[int]:
    """Axis-aligned box [x_min, y_min, x_max, y_max] in pixels."""
    low, high = polygon.min(axis=0), polygon.max(axis=0)
    return [int(low[0]), int(low[1]), int(high[0]), int(high[1])]
