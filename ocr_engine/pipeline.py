"""The General OCR pipeline: the order in which a page is turned, searched and read."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np

from ocr_engine.errors import InvalidRequest, OutOfMemory
from ocr_engine.geometry import rotate_quarter, sort_boxes, turned
from ocr_engine.heap import Heap
from ocr_engine.modules.cascade import Detector
from ocr_engine.modules.doc_orientation import OrientationClassifier
from ocr_engine.modules.line_reader import LineReader, ReadLines
from ocr_engine.modules.unwarping import Unwarped, Unwarper
from ocr_engine.profiles import PageSettings
from ocr_engine.reading_order import in_rows
from ocr_engine.results import OCRResult, PageOrigin, build_result
from ocr_engine.types import Angle, Image, Line, PageReading, Polygon

# Two readings of a page that is read well differ by less; lines that are upside down read far worse.
_AS_WELL = 0.05


class PageReader(Protocol):
    """What reads a page: ours, or PaddleX's."""

    def begin(self, page: Image, settings: PageSettings, origin: PageOrigin) -> Callable[[], OCRResult]:
        """Find the lines of one page (H, W, 3) BGR; what is returned reads them. Both raise: EngineError."""

    def warm_up(self, settings: PageSettings) -> None:
        """Run the networks once, so that the first document does not pay for it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _FoundLines:
    """A page turned by `angle` and flattened, (H, W, 3), and where its lines are on it."""

    angle: Angle | None
    upright: Image
    unwarped: Unwarped | None
    polygons: list[Polygon]


class Pipeline:
    """The loaded modules in order. Runs in the caller's thread; holds nothing of a page."""

    def __init__(
        self,
        *,
        detector: Detector,
        reader: LineReader,
        orientation: OrientationClassifier | None = None,
        unwarper: Unwarper | None = None,
        exact: bool = True,
    ) -> None:
        """`exact`: pages are turned as the classifier says and lines come in the reference's order. Otherwise the lines
        have the last word on how a page is turned, and come in rows.
        """
        self._exact = exact
        self._in_order = sort_boxes if exact else in_rows
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
        # Before any work: a module that is missing is missing on every page.
        require_module(self._orientation is not None, settings.use_doc_orientation, "use_doc_orientation_classify")
        require_module(self._unwarper is not None, settings.use_doc_unwarping, "use_doc_unwarping")
        require_module(self._reader.can_turn, settings.use_textline_orientation, "use_textline_orientation")
        if origin.own_lines is not None:
            return partial(own_result, page, settings, origin)
        with _timed(timings_ms, "orientation"):
            angle = self._angle(page, settings)
        found = self._find(page, angle, settings, timings_ms)

        def finish() -> OCRResult:
            best, read = found, self._read(found, settings, timings_ms)
            if not self._exact and angle is not None and read.angle:
                other = self._find(page, turned(angle, read.angle), settings, timings_ms)
                read_other = self._read(other, settings, timings_ms)
                if read_other.angle == 0 and read_other.mean_score >= read.mean_score - _AS_WELL:
                    best, read = other, read_other
            return _result(page, best, read, settings, origin, timings_ms)

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

    def _angle(self, page: Image, settings: PageSettings) -> Angle | None:
        """Which way the page is turned; None when orientation is off. Raises: OutOfMemory."""
        if self._orientation is None or not settings.use_doc_orientation:
            return None
        with _memory_errors():
            return self._orientation.classify(page)

    def _find(
        self, page: Image, angle: Angle | None, settings: PageSettings, timings_ms: dict[str, float]
    ) -> _FoundLines:
        """Turn the page by `angle`, flatten it, and find its lines. Raises: OutOfMemory."""
        unwarped: Unwarped | None = None
        with _memory_errors():
            upright = rotate_quarter(page, angle or 0)
            if self._unwarper is not None and settings.use_doc_unwarping:
                with _timed(timings_ms, "unwarping"):
                    unwarped = self._unwarper.unwarp(upright)
                    upright = unwarped.page
            with _timed(timings_ms, "detection"):
                polygons = self._in_order(self._detector.detect(upright, settings.detection))
        return _FoundLines(angle=angle, upright=upright, unwarped=unwarped, polygons=polygons)

    def _read(self, found: _FoundLines, settings: PageSettings, timings_ms: dict[str, float]) -> ReadLines:
        try:
            with _memory_errors():
                read = self._reader.read(found.upright, found.polygons, turn=settings.use_textline_orientation)
        finally:
            self._heap.settle()
        for stage, took_ms in read.timings_ms.items():
            _add(timings_ms, stage, took_ms)
        return read


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


def _result(
    page: Image,
    found: _FoundLines,
    read: ReadLines,
    settings: PageSettings,
    origin: PageOrigin,
    timings_ms: dict[str, float],
) -> OCRResult:
    unwarped = found.unwarped
    lines = (Line(polygon=p, reading=r) for p, r in zip(read.polygons, read.readings, strict=True))
    reading = PageReading(
        angle=found.angle,
        grid=unwarped.grid if unwarped else None,
        flat=unwarped.page if unwarped and not unwarped.by_grid else None,
        polygons=read.polygons,
        line_classes=read.classes,
        lines=tuple(line for line in lines if line.reading.score >= settings.rec_score_thresh),
        timings_ms=timings_ms,
    )
    return build_result(page, reading, settings, origin)


@contextmanager
def _memory_errors() -> Iterator[None]:
    """Raises: OutOfMemory."""
    try:
        yield
    except MemoryError as error:
        raise OutOfMemory from error


@contextmanager
def _timed(timings_ms: dict[str, float], stage: str) -> Iterator[None]:
    """Add the milliseconds of what is done inside to those of the stage."""
    start = time.perf_counter()
    yield
    _add(timings_ms, stage, (time.perf_counter() - start) * 1000.0)


def _add(timings_ms: dict[str, float], stage: str, took_ms: float) -> None:
    timings_ms[stage] = timings_ms.get(stage, 0.0) + took_ms
