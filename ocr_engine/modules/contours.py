"""The detector's probability map to quadrilaterals: threshold, outline, score, grow, scale."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
import pyclipper

from ocr_engine.geometry import min_area_quad
from ocr_engine.types import Corners, Polygon, Tensor

# Short side in pixels of the map under which a region is noise, before and after it grows.
_MIN_SIDE_PX = 3
_MIN_GROWN_SIDE_PX = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class ContourRules:
    """`thresh`, `box_thresh`: probabilities, 0..1. `unclip_ratio` scales area/perimeter to the growth in pixels.

    `max_candidates`: outlines looked at, in OpenCV's order.
    """

    thresh: float
    box_thresh: float
    unclip_ratio: float
    max_candidates: int


def scored_quads_of(
    probabilities: Tensor, rules: ContourRules, *, page_width: int, page_height: int
) -> list[tuple[Polygon, float]]:
    """Text quadrilaterals of one map (h, w), scaled to the page's pixels, in the order of the contours.

    Each with its score: the mean probability, 0..1, before it grew.
    """
    mask = (probabilities > rules.thresh).view(np.uint8)
    contours, _ = cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    quads = []
    for contour in contours[: rules.max_candidates]:
        corners = min_area_quad(np.asarray(contour, dtype=np.int32), min_side_px=_MIN_SIDE_PX)
        if corners is None:
            continue
        score = mean_inside(probabilities, corners)
        if rules.box_thresh > score:
            continue
        outline = _unclip(corners, rules.unclip_ratio)
        if outline is None:
            continue
        grown = min_area_quad(outline, min_side_px=_MIN_GROWN_SIDE_PX)
        if grown is None:
            continue
        quads.append((_to_page(grown, probabilities, page_width, page_height), score))
    return quads


def mean_inside(probabilities: Tensor, corners: Corners) -> float:
    """Mean probability 0..1 of the pixels inside the quadrilateral, drawn within its own bounding box."""
    height, width = probabilities.shape
    xs, ys = corners.T.tolist()
    left, right = _clamp(math.floor(min(xs)), width - 1), _clamp(math.ceil(max(xs)), width - 1)
    top, bottom = _clamp(math.floor(min(ys)), height - 1), _clamp(math.ceil(max(ys)), height - 1)
    mask = np.zeros((bottom - top + 1, right - left + 1), dtype=np.uint8)
    shifted = [[int(x - left), int(y - top)] for x, y in zip(xs, ys, strict=True)]
    cv2.fillPoly(mask, [np.array(shifted, dtype=np.int32)], (1,))
    return cv2.mean(probabilities[top : bottom + 1, left : right + 1], mask)[0]


def _clamp(value: int, high: int) -> int:
    return min(max(value, 0), high)


def _unclip(corners: Corners, ratio: float) -> npt.NDArray[np.int32] | None:
    """Grow the quadrilateral by area * ratio / perimeter pixels with round joints: (n, 1, 2); None if none is left."""
    distance = cv2.contourArea(corners) * ratio / cv2.arcLength(corners, closed=True)
    offset = pyclipper.PyclipperOffset()
    offset.AddPath(corners.tolist(), pyclipper.JT_ROUND, pyclipper.ET_CLOSEDPOLYGON)
    paths = offset.Execute(distance)
    return np.array(paths[0], dtype=np.int32).reshape(-1, 1, 2) if paths else None


def _to_page(corners: Corners, probabilities: Tensor, page_width: int, page_height: int) -> Polygon:
    """Scale from map to page. The clamp is to the far edge itself, not to the last pixel."""
    height, width = probabilities.shape
    # In 64 bits: a corner that lies halfway between two pixels in 32 bits is a pixel away in the reference.
    across, down = page_width / width, page_height / height
    scaled = [
        [_clamp(round(x * across), page_width), _clamp(round(y * down), page_height)] for x, y in corners.tolist()
    ]
    return np.array(scaled, dtype=np.int16)
