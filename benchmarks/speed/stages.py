"""Where the time of our own page goes, and what a long document costs. One engine, in this process."""

from __future__ import annotations

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
        # Not the results, each of which holds its page.
        timings = [result.timings_ms for page in pages for result in engine.predict(page)]
        whole_s = time.process_time() - start
    names = list(dict.fromkeys(name for timing in timings for name in timing))
    means = {name: statistics.mean(timing.get(name, 0.0) for timing in timings) for name in names}
    return Stages(timings_ms=means, outside=1.0 - sum(spent_s) / whole_s)


def measure_long_document(pages: Sequence[Path], folder: Path, *, long_pages: int) -> LongDocument:
    """A document of these pages, a long one that repeats them, and the short one again, against a machine that drifts.

    The short one is read once before, so that no size of page is new.
    """
    short, long = folder / "short.pdf", folder / "long.pdf"
    _write_pdf(short, pages, len(pages))
    _write_pdf(long, pages, long_pages)
    with OCREngine() as engine:
        _cost_of(engine, short)
        before_ms, short_peak_mb = _cost_of(engine, short)
        spent_ms, long_peak_mb = _cost_of(engine, long)
        after_ms, _ = _cost_of(engine, short)
    return LongDocument(
        short_pages=len(pages),
        long_pages=long_pages,
        short_ms=(before_ms + after_ms) / 2,
        long_ms=spent_ms,
        short_peak_mb=short_peak_mb,
        long_peak_mb=long_peak_mb,
    )


def _cost_of(engine: OCREngine, document: Path) -> tuple[float, float]:
    """Processor time a page, ms, and the peak of the process while it reads this document, MB. Linux."""
    # Forgets the peak so far.
    Path("/proc/self/clear_refs").write_text("5")
    start = time.process_time()
    count = sum(1 for _ in engine.predict_iter(document))
    return (time.process_time() - start) * 1000.0 / count, _peak_mb()


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
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024
