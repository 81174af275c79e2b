"""Words of a recognised line: which characters belong together, and the box of each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Literal, TypeAlias

import numpy as np

from ocr_engine.types import Polygon, Reading, WordQuad

_Script: TypeAlias = Literal["han", "word", "symbol"]

# A line at least this much taller than wide is read downwards.
_VERTICAL_RATIO = 1.5
# Two word boxes whose middles differ by less are one row.
_ROW_HEIGHT_PX = 12


@dataclass(frozen=True, kw_only=True, slots=True)
class _Group:
    """Neighbouring characters of one script, each with the step of the recogniser at which it was read."""

    script: _Script
    text: str
    steps: tuple[int, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Track:
    """The line along its reading direction: `start` and `length` in pixels, `cell` pixels a step."""

    start: int
    length: int
    cell: float


def words_of(reading: Reading, polygon: Polygon) -> tuple[tuple[str, ...], tuple[WordQuad, ...]]:
    """The words of a line and their quadrilaterals: runs of letters and digits, single Han characters, other signs.

    The boxes are sorted by place and the words stay in the order of the text, as in the reference; in a line that goes
    left to right the two orders agree. Corners are whole pixels; the last may lie
    one step beyond the line, because steps are rounded up.
    """
    groups = list(_groups(reading))
    left, top, right, bottom = (int(v) for v in (polygon[0][0], polygon[0][1], polygon[1][0], polygon[2][1]))
    vertical = _is_vertical(polygon)
    start, end = (top, bottom) if vertical else (left, right)
    if not groups:
        return (), ()
    track = _Track(start=start, length=end - start, cell=(end - start) / reading.steps)
    spans = [_word_span(group, track) for group in groups if group.script != "han"]
    spans += _han_spans([group for group in groups if group.script == "han"], len(reading.text), track)
    quads: list[WordQuad] = []
    for low, high in spans:
        if vertical:
            quads.append(((left, low), (left, high), (right, high), (right, low)))
        else:
            quads.append(((low, top), (high, top), (high, bottom), (low, bottom)))
    words = [word for group in groups for word in (group.text if group.script == "han" else (group.text,))]
    return tuple(words), tuple(_by_row(quads))


def _groups(reading: Reading) -> Iterator[_Group]:
    scripts = _scripts(reading.text)
    for script, members in groupby(range(len(reading.text)), key=lambda i: scripts[i]):
        chosen = list(members)
        yield _Group(
            script=script,
            text="".join(reading.text[i] for i in chosen),
            steps=tuple(reading.columns[i] for i in chosen),
        )


def _scripts(text: str) -> list[_Script]:
    """A hyphen inside a word, and a point before a digit, belong to the word."""
    scripts: list[_Script] = []
    for at, character in enumerate(text):
        in_word = bool(scripts) and scripts[-1] == "word"
        before_digit = "0" <= text[at + 1 : at + 2] <= "9"
        if "\u4e00" <= character <= "\u9fff":
            scripts.append("han")
        elif (character.isascii() and character.isalnum()) or (
            in_word and (character == "-" or (character == "." and before_digit))
        ):
            scripts.append("word")
        else:
            scripts.append("symbol")
    return scripts


def _word_span(group: _Group, track: _Track) -> tuple[int, int]:
    low, high = group.steps[0] * track.cell, (group.steps[-1] + 1) * track.cell
    return track.start + int(low), track.start + int(high)


def _han_spans(groups: Sequence[_Group], characters: int, track: _Track) -> list[tuple[int, int]]:
    """Han characters are equally wide: the mean pitch of the groups, around the middle of each one's step."""
    pitches = [
        (group.steps[-1] - group.steps[0] + 1) * track.cell / (len(group.steps) - 1)
        for group in groups
        if len(group.steps) > 1
    ]
    width = float(np.mean(pitches)) if pitches else track.length / characters
    middles = [(step + 0.5) * track.cell for group in groups for step in group.steps]
    return [
        (
            track.start + max(int(middle - width / 2), 0),
            track.start + min(int(middle + width / 2), track.length),
        )
        for middle in middles
    ]


def _by_row(quads: Sequence[WordQuad]) -> list[WordQuad]:
    """Top to bottom by middles; within a row, whose neighbours differ by less than 12 px, left to right."""
    middles = {quad: np.mean(quad, axis=0) for quad in quads}
    by_y = sorted(quads, key=lambda quad: float(middles[quad][1]))
    rows: list[list[WordQuad]] = [by_y[:1]]
    for upper, lower in pairwise(by_y):
        if abs(middles[lower][1] - middles[upper][1]) < _ROW_HEIGHT_PX:
            rows[-1].append(lower)
        else:
            rows.append([lower])
    return [quad for row in rows for quad in sorted(row, key=lambda quad: float(middles[quad][0]))]


def _is_vertical(polygon: Polygon) -> bool:
    width, height = (int(side) for side in np.ptp(polygon.astype(np.int32), axis=0))
    return height > _VERTICAL_RATIO * width
