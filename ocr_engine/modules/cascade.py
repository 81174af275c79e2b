"""Two detectors: a quick one for every page, a careful one for the pages of which the quick one is unsure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from ocr_engine.modules.detection import DetectionSettings, TextDetector
from ocr_engine.types import Image, Polygon

# A box under this score is one that the quick detector is unsure of.
_UNSURE = 0.7
# By effort: the share of unsure boxes from which on a page is searched again. Only that of 0.5 was measured.
# With 1 there is no quick detector.
_EFFORTS = (0.0, 0.25, 0.5, 0.75, 1.0)
_REDO_FROM = (1.1, 0.25, 0.12, 0.06, 0.0)


class Detector(Protocol):
    """What finds the lines of a page: one detector, or two."""

    def detect(self, image: Image, settings: DetectionSettings) -> list[Polygon]:
        """Quadrilaterals in pixels of `image` (h, w, 3), in no order. Raises: OutOfMemory, InternalError."""

    def warm_up(self, settings: DetectionSettings) -> None:
        """Run every network once on a blank page."""


class DetectorCascade:
    """The quick detector's lines, or the careful one's where too many of them are unsure."""

    def __init__(self, quick: TextDetector, careful: TextDetector, *, redo_from: float) -> None:
        """`redo_from`: 0..1, the share of unsure boxes from which on a page is searched again."""
        self._quick = quick
        self._careful = careful
        self._redo_from = redo_from

    def detect(self, image: Image, settings: DetectionSettings) -> list[Polygon]:
        found = self._quick.detect_scored(image, settings)
        if is_unsure([score for _, score in found], redo_from=self._redo_from):
            return self._careful.detect(image, settings)
        return [polygon for polygon, _ in found]

    def warm_up(self, settings: DetectionSettings) -> None:
        self._quick.warm_up(settings)
        self._careful.warm_up(settings)


def redo_from(effort: float) -> float:
    """The share of unsure boxes, 0..1, from which on a page is searched again at an effort 0..1."""
    return float(np.interp(effort, _EFFORTS, _REDO_FROM))


def is_unsure(scores: Sequence[float], *, redo_from: float) -> bool:
    """Whether so many of a page's boxes have a poor score. A page without boxes is not unsure."""
    return bool(scores) and sum(score < _UNSURE for score in scores) >= redo_from * len(scores)
