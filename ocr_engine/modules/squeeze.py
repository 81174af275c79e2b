"""How much a line is squeezed before it is read, and which readings are worth a second look. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ocr_engine.types import Reading

HEIGHT_PX = 48
# Widths are multiples of this, and of twice as much while that is at most an eighth of the line: a width other than
# the last one's costs a network 2.3 ms, and a line bears to be a sixteenth narrower or wider.
BUCKET_PX = 32
_BUCKET_SHARE = 8
MAX_WIDTH_PX = 3200
# A call costs 1.4 ms before its first pixel, measured; over about this width that is nothing.
_CALL_PX = 768


@dataclass(frozen=True, kw_only=True, slots=True)
class SqueezeRule:
    """`squeeze`: the first look's width over the natural one, 0..1.

    `redo_below`: mean score 0..1 under which a line is looked at again, at its natural width.
    `turn_below`: mean score 0..1 under which a line may be upside down.
    """

    squeeze: float
    redo_below: float
    turn_below: float


# By effort. From the table in docs/performance.md; between two rows the numbers are interpolated.
_EFFORTS = (0.0, 0.25, 0.5, 0.75, 1.0)
_SQUEEZES = (0.5, 0.6, 0.65, 0.85, 1.0)
_REDO_BELOW = (0.5, 0.85, 0.9, 0.9, 0.0)
# Right way up, a line under this is rare; upside down, a line over it is rarer.
_TURN_BELOW = 0.8


def rule_of(effort: float) -> SqueezeRule:
    """The rule for an effort 0..1: 0 is the fastest, 1 reads every line once at its natural width."""
    return SqueezeRule(
        squeeze=float(np.interp(effort, _EFFORTS, _SQUEEZES)),
        redo_below=float(np.interp(effort, _EFFORTS, _REDO_BELOW)),
        turn_below=_TURN_BELOW,
    )


def width_of(width: int, height: int, squeeze: float) -> int:
    """Width in pixels, the nearest bucket, at which a crop of this size is read; it is stretched to fill it."""
    wanted = HEIGHT_PX * width / height * squeeze
    bucket = BUCKET_PX
    while 2 * bucket * _BUCKET_SHARE <= wanted:
        bucket *= 2
    return min(max(round(wanted / bucket), 1) * bucket, MAX_WIDTH_PX)


def batches_of(widths: Sequence[int]) -> list[list[int]]:
    """Indices of lines that are read in one call: of equal width, and together at most `_CALL_PX` pixels wide.

    A batch is full or a single line: every other size would be one more shape for the network to plan.
    """
    by_width: dict[int, list[int]] = {}
    for at, width in enumerate(widths):
        by_width.setdefault(width, []).append(at)
    batches = []
    for width, members in by_width.items():
        size = max(_CALL_PX // width, 1)
        whole = len(members) - len(members) % size
        batches += [members[at : at + size] for at in range(0, whole, size)]
        batches += [[at] for at in members[whole:]]
    return batches


def needs_second_look(shape: tuple[int, ...], reading: Reading, rule: SqueezeRule) -> bool:
    """True if a crop (height, width, 3) reads poorly and the squeeze cost it width."""
    height, width = shape[:2]
    squeezed, natural = (width_of(width, height, share) for share in (rule.squeeze, 1.0))
    return reading.score < rule.redo_below and natural > squeezed


def better(first: Reading, second: Reading) -> Reading:
    """The reading with the higher score, the second if they are equal."""
    return second if second.score >= first.score else first
