"""The engine that our worker reads with while it is compared: the models and the options of `paddlex --serve`."""

from __future__ import annotations

import os
from pathlib import Path

from benchmarks.parity.cases import case_named
from ocr_engine import OCREngine

MODELS_VARIABLE = "OCRFLEET_TEST_MODELS"


def engine(*, device: str = "cpu", cpu_threads: int | None = None) -> OCREngine:
    """Raises: KeyError: the environment does not say where the models are."""
    options = {**case_named("turned").options(Path(os.environ[MODELS_VARIABLE])), "device": device}
    return OCREngine(**options, profile="paddleocr-3.7", cpu_threads=cpu_threads)
