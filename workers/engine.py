"""What a worker needs of the engine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from ocr_engine import OCRResult, PredictOptions
from ocr_engine.types import Image


class Engine(Protocol):
    """What a worker needs of `OCREngine`; the other implementation is the tests' stand-in that misbehaves."""

    profile: str
    runtime: str
    device: str

    @property
    def models(self) -> Mapping[str, str]: ...

    def warm_up(self) -> None:
        """Make the first page as fast as the others."""

    def predict_page(
        self, image: Image, *, input_path: str | None, page_index: int | None, options: PredictOptions | None
    ) -> OCRResult:
        """Read one page. Raises: EngineError."""
