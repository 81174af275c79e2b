"""The General OCR pipeline: the order in which a page is turned, searched and read."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from ocr_engine.errors import InvalidRequest, OutOfMemory
from ocr_engine.geometry import crop_quad, rotate_quarter, sort_boxes
from ocr_engine.modules.detection import TextDetector
from ocr_engine.modules.doc_orientation import OrientationClassifier
from ocr_engine.modules.recognition import TextRecognizer
from ocr_engine.profiles import PageSettings
from ocr_engine.results import OCRResult, PageOrigin, build_result
from ocr_engine.types import Angle, Image, Line, PageReading, Polygon


class Pipeline:
    """The loaded modules in order. Runs in the caller's thread; holds no state per page."""

    def __init__(
        self, *, orientation: OrientationClassifier | None, detector: TextDetector, recognizer: TextRecognizer
    ) -> None:
        self._orientation = orientation
        self._detector = detector
        self._recognizer = recognizer

    def run(self, page: Image, settings: PageSettings, origin: PageOrigin) -> OCRResult:
        """Read one page (H, W, 3) BGR.

        Raises: OutOfMemory (retryable), InternalError; InvalidRequest: orientation was asked for but not loaded.
        """
        timings_ms = dict(origin.timings_ms)
        try:
            with _timed(timings_ms, "orientation"):
                angle, upright = self._turn_upright(page, settings)
            with _timed(timings_ms, "detection"):
                polygons, crops = self._find_lines(upright, settings)
            with _timed(timings_ms, "recognition"):
                readings = self._recognizer.recognize(crops)
        except MemoryError as error:
            raise OutOfMemory from error
        lines = (Line(polygon=p, reading=r) for p, r in zip(polygons, readings, strict=True))
        kept = tuple(line for line in lines if line.reading.score >= settings.rec_score_thresh)
        reading = PageReading(angle=angle, polygons=tuple(polygons), lines=kept, timings_ms=timings_ms)
        return build_result(page, reading, settings, origin)

    def warm_up(self, settings: PageSettings) -> None:
        """Run every network once on a blank page, so that the first document does not pay for it."""
        blank = np.full((640, 480, 3), 255, dtype=np.uint8)
        if self._orientation is not None:
            self._orientation.classify(blank)
        self._detector.detect(blank, settings.detection)
        self._recognizer.recognize([blank[:48, :320]])

    def _turn_upright(self, page: Image, settings: PageSettings) -> tuple[Angle | None, Image]:
        """The angle found, None when orientation is off, and the page turned by it."""
        if not settings.use_doc_orientation:
            return None, page
        if self._orientation is None:
            raise InvalidRequest(
                "use_doc_orientation_classify=True was asked for, but the engine was built without it; "
                "build it with use_doc_orientation_classify=True"
            )
        angle = self._orientation.classify(page)
        return angle, rotate_quarter(page, angle)

    def _find_lines(self, page: Image, settings: PageSettings) -> tuple[list[Polygon], list[Image]]:
        """The text lines in reading order, and each cut out and laid flat."""
        polygons, crops = [], []
        for polygon in sort_boxes(self._detector.detect(page, settings.detection)):
            crop = crop_quad(page, polygon)
            if crop is not None:
                polygons.append(polygon)
                crops.append(crop)
        return polygons, crops


@contextmanager
def _timed(timings_ms: dict[str, float], stage: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    timings_ms[stage] = (time.perf_counter() - start) * 1000.0
