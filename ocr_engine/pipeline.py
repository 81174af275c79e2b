"""The General OCR pipeline: the order in which a page is turned, searched and read."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Protocol

import numpy as np

from ocr_engine.errors import InvalidRequest, OutOfMemory
from ocr_engine.geometry import rotate_quarter, sort_boxes
from ocr_engine.heap import Heap
from ocr_engine.modules.cascade import Detector
from ocr_engine.modules.doc_orientation import OrientationClassifier
from ocr_engine.modules.line_reader import LineReader, ReadLines
from ocr_engine.modules.unwarping import Unwarped, Unwarper
from ocr_engine.profiles import PageSettings
from ocr_engine.results import OCRResult, PageOrigin, build_result
from ocr_engine.types import Angle, Image, Line, PageReading, Polygon


class PageReader(Protocol):
    """What reads a page: ours, or PaddleX's."""

    def begin(self, page: Image, settings: PageSettings, origin: PageOrigin) -> Callable[[], OCRResult]:
        """Find the lines of one page (H, W, 3) BGR; what is returned reads them. Both raise: EngineError."""

    def warm_up(self, settings: PageSettings) -> None:
        """Run the networks once, so that the first document does not pay for it."""


class Pipeline:
    """The loaded modules in order. Runs in the caller's thread; holds nothing of a page."""

    def __init__(
        self,
        *,
        detector: Detector,
        reader: LineReader,
        orientation: OrientationClassifier | None = None,
        unwarper: Unwarper | None = None,
    ) -> None:
        self._orientation = orientation
        self._unwarper = unwarper
        self._detector = detector
        self._reader = reader
        self._heap = Heap()

    def begin(self, page: Image, settings: PageSettings, origin: PageOrigin) -> Callable[[], OCRResult]:
        """Turn, flatten and search one page (H, W, 3) BGR; what is returned reads its lines.

        Raises: OutOfMemory (retryable), InternalError; InvalidRequest: a module was asked for but not loaded.
        """
        timings_ms = dict(origin.timings_ms)
        unwarped: Unwarped | None = None
        # Before any work: a module that is missing is missing on every page.
        require_module(self._orientation is not None, settings.use_doc_orientation, "use_doc_orientation_classify")
        require_module(self._unwarper is not None, settings.use_doc_unwarping, "use_doc_unwarping")
        require_module(self._reader.can_turn, settings.use_textline_orientation, "use_textline_orientation")
        if origin.own_lines is not None:
            return partial(own_result, page, settings, origin)
        try:
            with _timed(timings_ms, "orientation"):
                angle, upright = self._turn_upright(page, settings)
            if self._unwarper is not None and settings.use_doc_unwarping:
                with _timed(timings_ms, "unwarping"):
                    unwarped = self._unwarper.unwarp(upright)
                    upright = unwarped.page
            with _timed(timings_ms, "detection"):
                polygons = sort_boxes(self._detector.detect(upright, settings.detection))
        except MemoryError as error:
            raise OutOfMemory from error

        def finish() -> OCRResult:
            read = self._read(upright, polygons, settings)
            lines = (Line(polygon=p, reading=r) for p, r in zip(read.polygons, read.readings, strict=True))
            reading = PageReading(
                angle=angle,
                grid=unwarped.grid if unwarped else None,
                flat=unwarped.page if unwarped and not unwarped.by_grid else None,
                polygons=read.polygons,
                line_classes=read.classes,
                lines=tuple(line for line in lines if line.reading.score >= settings.rec_score_thresh),
                timings_ms={**timings_ms, **read.timings_ms},
            )
            return build_result(page, reading, settings, origin)

        return finish

    def warm_up(self, settings: PageSettings) -> None:
        """Run every network once on a blank page, so that the first document does not pay for it."""
        blank = np.full((640, 480, 3), 255, dtype=np.uint8)
        if self._orientation is not None:
            self._orientation.classify(blank)
        if self._unwarper is not None:
            self._unwarper.unwarp(blank)
        self._detector.warm_up(settings.detection)
        self._reader.warm_up()

    def _read(self, page: Image, polygons: Sequence[Polygon], settings: PageSettings) -> ReadLines:
        try:
            return self._reader.read(page, polygons, turn=settings.use_textline_orientation)
        except MemoryError as error:
            raise OutOfMemory from error
        finally:
            self._heap.settle()

    def _turn_upright(self, page: Image, settings: PageSettings) -> tuple[Angle | None, Image]:
        """The angle found, None when orientation is off, and the page turned by it."""
        if self._orientation is None or not settings.use_doc_orientation:
            return None, page
        angle = self._orientation.classify(page)
        return angle, rotate_quarter(page, angle)


def require_module(built: bool, asked: bool, option: str) -> None:
    """Raises: InvalidRequest: a call asks for a module that the engine was built without."""
    if asked and not built:
        raise InvalidRequest(
            f"{option}=True was asked for, but the engine was built without it; build it with {option}=True"
        )


def own_result(page: Image, settings: PageSettings, origin: PageOrigin) -> OCRResult:
    """The page with the lines that its document holds; nothing is turned, flattened or read."""
    lines = origin.own_lines or ()
    reading = PageReading(
        angle=0 if settings.use_doc_orientation else None,
        polygons=tuple(line.polygon for line in lines),
        lines=lines,
        timings_ms=dict(origin.timings_ms),
    )
    return build_result(page, reading, settings, origin)


@contextmanager
def _timed(timings_ms: dict[str, float], stage: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    timings_ms[stage] = (time.perf_counter() - start) * 1000.0
