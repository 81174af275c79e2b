"""A runtime without weights, for tests: it answers from a function and remembers what it was asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ocr_engine.runtimes import best_of
from ocr_engine.types import Classes, Tensor


class CannedRuntime:
    """Answers every batch with `answer(batch)`. `shapes` lists the batches it saw, in order."""

    def __init__(self, answer: Callable[[Tensor], Tensor], /, *, metadata: Mapping[str, str] | None = None) -> None:
        self._answer = answer
        self._metadata = dict(metadata or {})
        self.shapes: list[tuple[int, ...]] = []

    @property
    def precision(self) -> str:
        return "f32"

    @property
    def metadata(self) -> Mapping[str, str]:
        return self._metadata

    def run(self, batch: Tensor, /) -> Tensor:
        self.shapes.append(batch.shape)
        return self._answer(batch)

    def run_all(self, batch: Tensor, /) -> tuple[Tensor, ...]:
        return (self.run(batch),)

    def best(self, batch: Tensor, /) -> tuple[Classes, Tensor]:
        return best_of(self.run(batch))
