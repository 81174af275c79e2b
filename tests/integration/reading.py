"""A worker's unit processor in this process, on an engine that reads a page's digest at once."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable

from PIL import Image as Pictures

from ocr_engine import DocumentLimits, OCRResult, PredictOptions
from ocr_engine.types import Image, PageReading
from producer.contract.ports import Doorbell, JobStore, ObjectStore
from tests.contract.job_stores import CPU
from workers.engines import Engines
from workers.heartbeat import LeaseTimes, PageBounds
from workers.process import ProcessLimits, UnitProcessor


class DigestEngine:
    """Its text of a page is the page's digest; `before_page` runs first, to break things in the middle of the work."""

    profile, runtime, device = "digest", "none", "cpu"

    def __init__(self, before_page: Callable[[], None]) -> None:
        self.models: dict[str, str] = {}
        self.pages_read = 0
        self._before_page = before_page

    def warm_up(self) -> None:
        """There is nothing to warm."""

    def close(self) -> None:
        """There is nothing to free."""

    def predict_page(
        self, image: Image, *, input_path: str | None, page_index: int | None, options: PredictOptions | None
    ) -> OCRResult:
        self._before_page()
        self.pages_read += 1
        text = hashlib.sha256(image.tobytes()).hexdigest()
        reading = PageReading(angle=None, polygons=(), lines=(), timings_ms={})
        return OCRResult({"rec_texts": [text], "return_word_box": False}, page=image, reading=reading)


def processor(
    store: JobStore, objects: ObjectStore, doorbell: Doorbell, *, before_page: Callable[[], None] = lambda: None
) -> tuple[UnitProcessor, DigestEngine]:
    """A worker of units of two pages, and its engine."""
    engine = DigestEngine(before_page)
    engines = Engines(lambda _options: engine, {}, most=1)
    limits = ProcessLimits(
        document=DocumentLimits(),
        max_attempts=3,
        unit_pages=2,
        lease=LeaseTimes(lease_s=8, heartbeat_s=2),
        page=PageBounds(timeout_s=60, memory_bytes=1 << 40, load_s=60),
    )
    made = UnitProcessor(engines=engines, store=store, objects=objects, doorbell=doorbell, limits=limits, worker=CPU)
    return made, engine


def work_off(worker: UnitProcessor) -> None:
    """Do units until there is none."""
    while worker.work(keep_message=lambda: None):
        pass


def drawn_document(pages: int, *, shade: int = 0) -> bytes:
    """A TIFF whose pages all differ."""
    frames = [Pictures.new("RGB", (40 + number, 30), (shade, number, 200)) for number in range(pages)]
    buffer = io.BytesIO()
    frames[0].save(buffer, format="TIFF", save_all=True, append_images=frames[1:])
    return buffer.getvalue()
