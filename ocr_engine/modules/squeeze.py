"""How much a line is squeezed before it is read, and which readings are worth a second look. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

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
# What a character keeps of its width where a page is squeezed further: Han characters are twice as wide as Latin ones.
_CHARACTER_PX = 20
# Lines that tell how wide a page's characters are.
_PILOTS = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class SqueezeRule:
    """`squeeze`: the first look's width over the natural one, 0..1.

    `wide_squeeze`: the least that it may be on a page of wide characters.
    `redo_below`: mean score 0..1 under which a line is looked at again, at its natural width.
    `turn_below`: mean score 0..1 under which a line may be upside down.
    """

    squeeze: float
    wide_squeeze: float
    redo_below: float
    turn_below: float


# By effort. From the table in docs/performance.md; between two rows the numbers are interpolated.
_EFFORTS = (0.0, 0.25, 0.5, 0.75, 1.0)
_SQUEEZES = (0.5, 0.6, 0.65, 0.85, 1.0)
_WIDE_SQUEEZES = (0.4, 0.5, 0.55, 0.7, 1.0)
_REDO_BELOW = (0.5, 0.85, 0.9, 0.9, 0.0)
# Right way up, a line under this is rare; upside down, a line over it is rarer.
_TURN_BELOW = 0.8


def rule_of(effort: float) -> SqueezeRule:
    """The rule for an effort 0..1: 0 is the fastest, 1 reads every line once at its natural width."""
    return SqueezeRule(
        squeeze=float(np.interp(effort, _EFFORTS, _SQUEEZES)),
        wide_squeeze=float(np.interp(effort, _EFFORTS, _WIDE_SQUEEZES)),
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


def pilots_of(shapes: Sequence[tuple[int, ...]], rule: SqueezeRule) -> list[int]:
    """Indices of the crops (height, width, 3) that are read first: the longest, in whole calls, so that none is added.

    None where they decide nothing.
    """
    if rule.wide_squeeze >= rule.squeeze:
        return []
    widths = [width_of(shape[1], shape[0], rule.squeeze) for shape in shapes]
    pilots: list[int] = []
    for batch in sorted(batches_of(widths), key=lambda batch: -widths[batch[0]]):
        if len(pilots) >= _PILOTS:
            break
        pilots += batch
    return pilots


def rule_after(shapes: Sequence[tuple[int, ...]], readings: Sequence[Reading], rule: SqueezeRule) -> SqueezeRule:
    """The rule for the other lines of a page, once its pilots were read by `rule`.

    A character keeps 20 pixels, so Latin text is squeezed no further. Pilots that read poorly say nothing.
    """
    sure = [at for at, reading in enumerate(readings) if reading.score >= rule.redo_below and reading.text]
    if 2 * len(sure) <= len(readings):
        return rule
    pitch_px = sum(_natural_px(shapes[at]) for at in sure) / sum(len(readings[at].text) for at in sure)
    return replace(rule, squeeze=min(rule.squeeze, max(_CHARACTER_PX / pitch_px, rule.wide_squeeze)))


def needs_second_look(shape: tuple[int, ...], reading: Reading, rule: SqueezeRule) -> bool:
    """True if a crop (height, width, 3) reads poorly and the squeeze cost it width."""
    height, width = shape[:2]
    squeezed, natural = (width_of(width, height, share) for share in (rule.squeeze, 1.0))
    return reading.score < rule.redo_below and natural > squeezed


def better(first: Reading, second: Reading) -> Reading:
    """The reading with the higher score, the second if they are equal."""
    return second if second.score >= first.score else first


def _natural_px(shape: tuple[int, ...]) -> float:
    """Width of a crop (height, width, 3) that is as high as lines are read."""
    return HEIGHT_PX * shape[1] / shape[0]
