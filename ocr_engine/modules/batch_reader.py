"""The reference's way to read lines: all are cut out, all are classified, then read in padded batches."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from ocr_engine.geometry import crop_quad, rotate_quarter
from ocr_engine.modules.line_orientation import LineOrientationClassifier
from ocr_engine.modules.line_reader import ReadLines
from ocr_engine.modules.recognition import TextRecognizer
from ocr_engine.types import Image, Polygon


class BatchReader:
    """Its batches and their padding are the reference's, and so are its texts and scores."""

    def __init__(self, recognizer: TextRecognizer, classifier: LineOrientationClassifier | None) -> None:
        self._recognizer = recognizer
        self._classifier = classifier

    @property
    def can_turn(self) -> bool:
        return self._classifier is not None

    def read(self, page: Image, polygons: Sequence[Polygon], *, turn: bool) -> ReadLines:
        timings_ms: dict[str, float] = {}
        cut = [(polygon, crop) for polygon in polygons if (crop := crop_quad(page, polygon)) is not None]
        crops = [crop for _, crop in cut]
        classes: tuple[int, ...] | None = None
        start = time.perf_counter()
        if turn and self._classifier is not None:
            classes = tuple(self._classifier.classify(crops))
            crops = [rotate_quarter(crop, 180) if one else crop for crop, one in zip(crops, classes, strict=True)]
            timings_ms["textline_orientation"] = (time.perf_counter() - start) * 1000.0
            start = time.perf_counter()
        readings = self._recognizer.recognize(crops)
        timings_ms["recognition"] = (time.perf_counter() - start) * 1000.0
        polygons = tuple(polygon for polygon, _ in cut)
        return ReadLines(polygons=polygons, readings=tuple(readings), classes=classes, timings_ms=timings_ms)

    def warm_up(self) -> None:
        blank = np.full((48, 320, 3), 255, dtype=np.uint8)
        if self._classifier is not None:
            self._classifier.classify([blank])
        self._recognizer.recognize([blank])
