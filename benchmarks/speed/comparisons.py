"""Which engines are compared with which, and how their processes share the machine."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from benchmarks.speed.engines import (
    FASTER,
    FASTER_TINY,
    ONNXOCR,
    OURS,
    OURS_37,
    OURS_37_BF16,
    OURS_ONCE,
    OURS_TINY,
    OURS_TINY_SQUEEZED,
    PADDLEOCR,
    RAPID,
    RAPID_ONNX,
    RAPID_TINY,
)


class Mode(StrEnum):
    """`one`: one process on two cores with a thread each; `pair`: two processes, one thread and one core each."""

    ONE = "one process, two threads"
    PAIR = "two processes, one thread each"


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """Engines in one table; ratios refer to the first. `same_text`: the share of equal lines is told.

    every: of how many pages it takes one; the slow ones take fewer.
    """

    title: str
    mode: Mode
    engines: tuple[str, ...]
    every: int = 1
    same_text: bool = False


_ONCE = (OURS_ONCE, RAPID, FASTER)
COMPARISONS = (
    Comparison(title="Default against peers with PP-OCRv6 small", mode=Mode.ONE, engines=(OURS, RAPID, FASTER)),
    Comparison(title="Default against its fastest peer", mode=Mode.PAIR, engines=(OURS, RAPID)),
    Comparison(title="The same weights, PP-OCRv6 small", mode=Mode.ONE, engines=(*_ONCE, RAPID_ONNX, ONNXOCR)),
    Comparison(title="The same weights, PP-OCRv6 small", mode=Mode.PAIR, engines=(OURS_ONCE, RAPID)),
    Comparison(
        title="The same weights, PP-OCRv6 tiny",
        mode=Mode.ONE,
        engines=(OURS_TINY, OURS_TINY_SQUEEZED, RAPID_TINY, FASTER_TINY),
    ),
    Comparison(title="The same weights, PP-OCRv6 tiny", mode=Mode.PAIR, engines=(OURS_TINY, RAPID_TINY, FASTER_TINY)),
    Comparison(
        title="PaddleOCR 3.7 and the profile that is compatible with it",
        mode=Mode.ONE,
        engines=(OURS_37, OURS_37_BF16, PADDLEOCR),
        every=3,
        same_text=True,
    ),
)
