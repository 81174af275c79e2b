"""One engine for all tests of the engine: it holds no state per page."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ocr_engine import OCREngine, OCRResult
from tests.unit.engine.drawing import bgr, sheet


@pytest.fixture(scope="session")
def engine() -> Iterator[OCREngine]:
    with OCREngine(cpu_threads=2) as loaded:
        yield loaded


@pytest.fixture(scope="session")
def result(engine: OCREngine) -> OCRResult:
    """The drawn sheet, read once."""
    return engine.predict_page(bgr(sheet()), input_path="folder/sheet.png")
