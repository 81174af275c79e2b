"""Text detection: a page to the quadrilaterals of its text lines."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import cv2
import numpy as np

from ocr_engine.modules.contours import ContourRules, scored_quads_of
from ocr_engine.modules.normalize import IMAGENET_MEAN, IMAGENET_STD, half_range, scale_and_shift, write_planes
from ocr_engine.runtimes import Runtime
from ocr_engine.types import Image, Polygon, Tensor

# The network halves its input five times.
_STRIDE = 32
# Pages whose sides add up to less are padded before they are resized.
_TINY_SIDES_PX = 64
# A side of the page that warms up.
_WARM_UP_PX = 64
# Height of a box, grown, in pixels of the detector: under the first lines are missed or cut, at the second none gains.
_SMALL_TEXT_PX, _GOOD_TEXT_PX = 14, 18
# More pixels than these are given to the network in bands, which keeps its memory that of a page. Bands overlap by so
# much that what lies at a seam is seen whole on both sides of it.
_WHOLE_PX, _BAND_PX, _OVERLAP_PX = 2048 * 2048, 1024 * 2048, 128
_Pixels = TypeVar("_Pixels", Image, Tensor)
# Of the limit of a side: what the short side of a long page keeps. A page up to 3.3 times as long as wide is not long.
_LEAST_SHARE = 0.3


@dataclass(frozen=True, kw_only=True, slots=True)
class DetectionSettings:
    """How large the page is made for the detector, and which regions count as text.

    `limit_type`: "min" enlarges a page whose short side is under `limit_side_len` pixels, "max" shrinks one whose long
    side is over it, "resize_long" makes the long side that long. Whatever it says, no side exceeds `max_side_limit`
    pixels. `input_shape` (channels, height, width) replaces all of these: the page is stretched to it. `thresh` (0..1)
    makes a pixel text, `box_thresh` (0..1) the mean of a box; `unclip_ratio` is how far a box grows.

    `finer_side_limit`: where the text turns out to be small, the page is searched again with up to so many pixels a
    side. 0: never. `long_pages`: both limits are larger for a page much longer than wide, see `longest_side`.
    """

    limit_side_len: int
    limit_type: str
    thresh: float
    max_side_limit: int
    box_thresh: float
    unclip_ratio: float
    input_shape: tuple[int, ...] | None = None
    finer_side_limit: int = 0
    long_pages: bool = False


class TextDetector:
    """PP-OCR's DB detector. Holds no state per call; safe from several threads."""

    def __init__(self, runtime: Runtime, *, max_candidates: int, exact: bool = True) -> None:
        """`max_candidates`: regions looked at; the pipeline does not override what the model was published with.

        `exact`: pixels are normalised as in the reference; otherwise to -1..1, with which PP-OCRv6 finds more, and very
        large pages are given to the network in bands.
        """
        self._runtime = runtime
        self._exact = exact
        self._max_candidates = max_candidates
        # The channel order stays BGR and the RGB means are applied in that order: so was the network trained.
        self._scale = scale_and_shift(IMAGENET_MEAN, IMAGENET_STD) if exact else half_range()

    def warm_up(self, settings: DetectionSettings) -> None:
        """Run the network once on a blank page: a tiny one, unless it takes one size only.

        Every size is planned anew, and a page of the usual size would cost three times as much for nothing.
        """
        tiny = settings if settings.input_shape else replace(settings, limit_type="max", limit_side_len=_WARM_UP_PX)
        self.detect(np.full((_WARM_UP_PX, _WARM_UP_PX, 3), 255, dtype=np.uint8), tiny)

    def detect(self, image: Image, settings: DetectionSettings) -> list[Polygon]:
        """Quadrilaterals in pixels of `image`, in no order. Raises: OutOfMemory, InternalError."""
        return [polygon for polygon, _ in self.detect_scored(image, settings)]

    def detect_scored(self, image: Image, settings: DetectionSettings) -> list[tuple[Polygon, float]]:
        """The same, each with its score, 0..1."""
        found = self._search(image, settings)
        finer = finer_settings([polygon for polygon, _ in found], image.shape[1], image.shape[0], settings)
        return found if finer is None else self._search(image, finer)

    def _search(self, image: Image, settings: DetectionSettings) -> list[tuple[Polygon, float]]:
        probabilities = self._probabilities(self._resized(image, settings))
        rules = ContourRules(
            thresh=settings.thresh,
            box_thresh=settings.box_thresh,
            unclip_ratio=settings.unclip_ratio,
            max_candidates=self._max_candidates,
        )
        height, width = image.shape[:2]
        return scored_quads_of(probabilities, rules, page_width=width, page_height=height)

    def _resized(self, image: Image, settings: DetectionSettings) -> Image:
        """The page at the size that the network is given, sides multiples of 32."""
        padded = _pad_tiny(image)
        size = input_size(padded.shape[1], padded.shape[0], settings)
        return padded if size == padded.shape[1::-1] else np.asarray(cv2.resize(padded, size), dtype=np.uint8)

    def _probabilities(self, page: Image) -> Tensor:
        """That a pixel is text, 0..1, (h, w): of the page as a whole, or of bands along its long side."""
        height, width = page.shape[:2]
        if self._exact or height * width <= _WHOLE_PX:
            return self._run(page)

        def along(pixels: _Pixels) -> _Pixels:
            return pixels.swapaxes(0, 1) if width > height else pixels

        whole = np.empty((height, width), dtype=np.float32)
        for kept, seen in bands_of(max(height, width), min(height, width)):
            found = along(self._run(along(along(page)[seen.start : seen.stop])))
            along(whole)[kept.start : kept.stop] = found[kept.start - seen.start : kept.stop - seen.start]
        return whole

    def _run(self, page: Image) -> Tensor:
        batch = np.empty((1, 3, *page.shape[:2]), dtype=np.float32)
        write_planes(page, self._scale, batch[0])
        probabilities: Tensor = self._runtime.run(batch)[0, 0]
        return probabilities


def input_size(width: int, height: int, settings: DetectionSettings) -> tuple[int, int]:
    """Width and height in pixels that the detector sees for a page of this size."""
    if settings.input_shape is not None:
        return settings.input_shape[2], settings.input_shape[1]
    ratio = 1.0
    limit = settings.limit_side_len
    if settings.limit_type == "resize_long":
        ratio = limit / max(width, height)
    if settings.limit_type == "max" and max(width, height) > limit:
        ratio = limit / max(width, height)
    if settings.limit_type == "min" and min(width, height) < limit:
        ratio = limit / min(width, height)
    new_width, new_height = int(width * ratio), int(height * ratio)
    longest = longest_side(width, height, settings.max_side_limit, settings)
    if max(new_width, new_height) > longest:
        ratio = longest / max(new_width, new_height)
        new_width, new_height = int(new_width * ratio), int(new_height * ratio)
    return _to_stride(new_width), _to_stride(new_height)


def bands_of(length: int, breadth: int) -> list[tuple[range, range]]:
    """The rows that each band of a page of this size is kept for, and those that the network is given for it."""
    step = max(_BAND_PX // breadth // _STRIDE, 1) * _STRIDE
    kept = [range(first, min(first + step, length)) for first in range(0, length, step)]
    return [(rows, range(max(rows.start - _OVERLAP_PX, 0), min(rows.stop + _OVERLAP_PX, length))) for rows in kept]


def longest_side(width: int, height: int, limit: int, settings: DetectionSettings) -> int:
    """Pixels that the long side of a page of this size may have, where `limit` is that of a usual page.

    A receipt or a page of the web may be ten times as long as wide, and with its long side at the limit a letter has
    three pixels. So the short side keeps `_LEAST_SHARE` of the limit, as long as the page has no more pixels than a
    square of the limit: the detector's time and memory stay within those of a page.
    """
    if not settings.long_pages:
        return limit
    times = max(width, height) / min(width, height)
    return round(limit * max(min(_LEAST_SHARE * times, math.sqrt(times)), 1.0))


def finer_settings(
    polygons: Sequence[Polygon], width: int, height: int, settings: DetectionSettings
) -> DetectionSettings | None:
    """How to search a page of this size again, whose lines came out small to the detector; None: one look will do."""
    if not polygons or settings.input_shape is not None or settings.finer_side_limit <= settings.max_side_limit:
        return None
    seen = input_size(width, height, settings)
    corners = np.array(polygons, dtype=np.float32)
    sides = np.linalg.norm(corners[:, [1, 3]] - corners[:, :1], axis=2)
    height_px = max(float(np.median(sides.min(axis=1))) * seen[1] / height, 1.0)
    if height_px >= _SMALL_TEXT_PX:
        return None
    limit = longest_side(width, height, settings.finer_side_limit, settings)
    side = min(int(max(seen) * _GOOD_TEXT_PX / height_px), limit)
    finer = replace(settings, max_side_limit=side, finer_side_limit=0, long_pages=False)
    return None if input_size(width, height, finer) == seen else finer


def _to_stride(side: int) -> int:
    return max(round(side / _STRIDE) * _STRIDE, _STRIDE)


def _pad_tiny(image: Image) -> Image:
    """Grow a tiny page to at least 32 x 32 with black. The reference then scales boxes as if it had not."""
    height, width = image.shape[:2]
    if height + width >= _TINY_SIDES_PX:
        return image
    padded = np.zeros((max(_STRIDE, height), max(_STRIDE, width), 3), dtype=np.uint8)
    padded[:height, :width] = image
    return padded
