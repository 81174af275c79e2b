"""Where the time of our own page goes, and what a long document costs. One engine, in this process."""

from __future__ import annotations

import resource
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import pymupdf

from ocr_engine import OCREngine, loading
from ocr_engine.runtimes import Runtime
from ocr_engine.runtimes.plan import RuntimePlan
from ocr_engine.runtimes.select import open_onnx
from ocr_engine.runtimes.weights import Weights
from ocr_engine.types import Classes, Tensor


@dataclass(frozen=True, kw_only=True, slots=True)
class Stages:
    """Means over the pages, one thread. outside: 0..1, the share of a page's processor time that is not a network."""

    timings_ms: Mapping[str, float]
    outside: float


@dataclass(frozen=True, kw_only=True, slots=True)
class LongDocument:
    """A short document and a long one of the same pages: milliseconds of processor time a page, and memory."""

    short_pages: int
    long_pages: int
    short_ms: float
    long_ms: float
    short_peak_mb: float
    long_peak_mb: float


class _TimedRuntime:
    """A network that adds up the processor time of its runs; for an engine of one thread."""

    def __init__(self, inner: Runtime, spent_s: list[float]) -> None:
        self._inner = inner
        self._spent_s = spent_s

    @property
    def precision(self) -> str:
        return self._inner.precision

    @property
    def metadata(self) -> Mapping[str, str]:
        return self._inner.metadata

    def run(self, batch: Tensor, /) -> Tensor:
        start = time.process_time()
        found = self._inner.run(batch)
        self._spent_s.append(time.process_time() - start)
        return found

    def run_all(self, batch: Tensor, /) -> tuple[Tensor, ...]:
        start = time.process_time()
        found = self._inner.run_all(batch)
        self._spent_s.append(time.process_time() - start)
        return found

    def best(self, batch: Tensor, /) -> tuple[Classes, Tensor]:
        start = time.process_time()
        found = self._inner.best(batch)
        self._spent_s.append(time.process_time() - start)
        return found


def profile_stages(pages: Sequence[Path]) -> Stages:
    """Read the pages with one thread and tell what its stages took."""
    spent_s: list[float] = []

    def timed(plan: RuntimePlan, weights: Weights) -> Runtime:
        return _TimedRuntime(open_onnx(plan, weights), spent_s)

    with mock.patch.object(loading, "open_onnx", timed):
        engine = OCREngine(cpu_threads=1)
    with engine:
        engine.predict(pages[0])
        spent_s.clear()
        start = time.process_time()
        results = [result for page in pages for result in engine.predict(page)]
        whole_s = time.process_time() - start
    names = list(dict.fromkeys(name for result in results for name in result.timings_ms))
    means = {name: statistics.mean(result.timings_ms.get(name, 0.0) for result in results) for name in names}
    return Stages(timings_ms=means, outside=1.0 - sum(spent_s) / whole_s)


def measure_long_document(pages: Sequence[Path], folder: Path, *, long_pages: int) -> LongDocument:
    """A document of these pages, a long one that repeats them, and the short one again, against a machine that drifts.

    Memory is the process's peak; the short one is read once before, so that it has the peak that it needs.
    """
    short, long = folder / "short.pdf", folder / "long.pdf"
    _write_pdf(short, pages, len(pages))
    _write_pdf(long, pages, long_pages)
    with OCREngine() as engine:
        _cost_ms(engine, short)
        before = _cost_ms(engine, short)
        short_peak_mb = _peak_mb()
        spent = _cost_ms(engine, long)
        long_peak_mb = _peak_mb()
        after = _cost_ms(engine, short)
    return LongDocument(
        short_pages=len(pages),
        long_pages=long_pages,
        short_ms=(before + after) / 2,
        long_ms=spent,
        short_peak_mb=short_peak_mb,
        long_peak_mb=long_peak_mb,
    )


def _cost_ms(engine: OCREngine, document: Path) -> float:
    start = time.process_time()
    count = sum(1 for _ in engine.predict_iter(document))
    return (time.process_time() - start) * 1000.0 / count


def _write_pdf(path: Path, pages: Sequence[Path], count: int) -> None:
    """`count` pages, these over and over, each an image as large as it is at 144 dpi."""
    with pymupdf.open() as document:
        for at in range(count):
            image = pages[at % len(pages)]
            size = pymupdf.Pixmap(str(image))
            page = document.new_page(width=size.width / 2, height=size.height / 2)
            page.insert_image(page.rect, filename=str(image))
        document.save(path)


def _peak_mb() -> float:
    # Kilobytes on Linux.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
