"""What a worker needs of the engine, and an engine that tells of every page it read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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

    def close(self) -> None:
        """Free the models. It reads no page afterwards."""


class ObservedEngine:
    """An engine that tells `on_page` of every page it read, with the milliseconds of each stage.

    device: its name on this machine; to a process that sees no other, it is number 0 of its kind.
    """

    def __init__(self, engine: Engine, *, device: str, on_page: Callable[[Mapping[str, float]], None]) -> None:
        self._engine = engine
        self._on_page = on_page
        self.profile, self.runtime, self.device = engine.profile, engine.runtime, device

    @property
    def models(self) -> Mapping[str, str]:
        return self._engine.models

    def warm_up(self) -> None:
        self._engine.warm_up()

    def predict_page(
        self, image: Image, *, input_path: str | None, page_index: int | None, options: PredictOptions | None
    ) -> OCRResult:
        """Raises: EngineError."""
        found = self._engine.predict_page(image, input_path=input_path, page_index=page_index, options=options)
        self._on_page(found.timings_ms)
        return found

    def close(self) -> None:
        self._engine.close()
