"""Two readings of one page, line by line: what differs, by how much, and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from ocr_engine.geometry import crop_quad

# The promise: the same text, corners within a pixel, scores within a thousandth.
BOX_TOLERANCE_PX = 1
SCORE_TOLERANCE = 1e-3
_BATCH = 6
# Two boxes whose middles are further apart than this share of their height are not the same line.
_SAME_LINE_SHARE = 0.5


class Cause(StrEnum):
    """Why a line differs; the first that applies."""

    PAGE = "page: one side could not read it, or has another number of pages"
    TURN = "page turned differently"
    MISSING = "line found by one side only"
    BOX = "box differs"
    LINE_TURN = "line turned differently"
    BATCH = "batch mates: another line of its batch of six has another box"
    TEXT = "text differs in the same box"
    SCORE = "score differs, text and box are the same"
    WORDS = "words or word boxes differ"


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """One line that is not the same on both sides. `box_px`: largest distance of a corner; NaN: no counterpart."""

    page: str
    cause: Cause
    reference: str
    ours: str
    box_px: float = float("nan")
    score: float = float("nan")


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """One page. Lines are those of the reference and what only ours has; `words` are lines whose words were compared.

    boxes, texts, scores: lines within the promise; exact: boxes equal to the pixel. score_max: largest difference of
    two scores of one text.
    """

    page: str
    lines: int = 0
    boxes: int = 0
    exact: int = 0
    texts: int = 0
    scores: int = 0
    score_max: float = 0.0
    words: int = 0
    words_same: int = 0
    differences: tuple[Difference, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class _Line:
    polygon: npt.NDArray[np.int64]
    text: str
    score: float
    turned: int
    words: tuple[object, object] | None

    @property
    def middle(self) -> npt.NDArray[np.float64]:
        return np.asarray(self.polygon.mean(axis=0), dtype=np.float64)

    @property
    def height(self) -> float:
        return float(np.linalg.norm(self.polygon[0] - self.polygon[3]))


# Any: `res` objects, as JSON holds them.
def compare_pages(
    page: str, reference: Sequence[Mapping[str, Any]], ours: Sequence[Mapping[str, Any]]
) -> list[Comparison]:
    """Compare the pages of one file. A page that only one side has counts as one line that differs."""
    found = [_compare(page, a, b) for a, b in zip(reference, ours, strict=False)]
    if len(reference) != len(ours):
        about = Difference(page=page, cause=Cause.PAGE, reference=f"{len(reference)} pages", ours=f"{len(ours)} pages")
        found.append(Comparison(page=page, lines=1, differences=(about,)))
    return found


def _compare(page: str, reference: Mapping[str, Any], ours: Mapping[str, Any]) -> Comparison:
    left, right = _lines(reference), _lines(ours)
    pairs = _pairs(left, right)
    turned = _angle(reference) != _angle(ours)
    disturbed = _disturbed(left, right)
    both = [(left[i], right[j], i in disturbed) for i, j in pairs if i is not None and j is not None]
    differences = [
        Difference(
            page=page, cause=Cause.TURN if turned else Cause.MISSING, reference=_text(left, i), ours=_text(right, j)
        )
        for i, j in pairs
        if i is None or j is None
    ]
    for a, b, mates in both:
        cause = _cause(a, b, mates=mates)
        if cause is not None:
            apart = {"box_px": _apart_px(a, b), "score": abs(a.score - b.score)}
            differences.append(
                Difference(page=page, cause=Cause.TURN if turned else cause, reference=a.text, ours=b.text, **apart)
            )
    worded = [(a, b) for a, b, _ in both if a.words is not None]
    return Comparison(
        page=page,
        lines=len(pairs),
        boxes=sum(_apart_px(a, b) <= BOX_TOLERANCE_PX for a, b, _ in both),
        exact=sum(_apart_px(a, b) == 0 for a, b, _ in both),
        texts=sum(a.text == b.text for a, b, _ in both),
        scores=sum(abs(a.score - b.score) <= SCORE_TOLERANCE for a, b, _ in both),
        score_max=max((abs(a.score - b.score) for a, b, _ in both if a.text == b.text), default=0.0),
        words=len(worded),
        words_same=sum(a.words == b.words for a, b in worded),
        differences=tuple(differences),
    )


def _cause(a: _Line, b: _Line, *, mates: bool) -> Cause | None:
    """None: the lines are the same as far as anyone can tell, scores to a thousandth."""
    if _apart_px(a, b) > 0:
        return Cause.BOX
    if a.turned != b.turned:
        return Cause.LINE_TURN
    same_text, same_score = a.text == b.text, abs(a.score - b.score) <= SCORE_TOLERANCE
    if mates and not (same_text and same_score):
        return Cause.BATCH
    if not same_text:
        return Cause.TEXT
    if not same_score:
        return Cause.SCORE
    return Cause.WORDS if a.words != b.words else None


def _pairs(left: Sequence[_Line], right: Sequence[_Line]) -> list[tuple[int | None, int | None]]:
    """Lines of both sides tied by the nearest middles, each once; None: no counterpart."""
    free = set(range(len(right)))
    pairs: list[tuple[int | None, int | None]] = []
    for i, line in enumerate(left):
        near = min(free, key=lambda j: float(np.linalg.norm(right[j].middle - line.middle)), default=None)
        if near is not None:
            apart = float(np.linalg.norm(right[near].middle - line.middle))
            near = near if apart <= max(_SAME_LINE_SHARE * line.height, BOX_TOLERANCE_PX) else None
        pairs.append((i, near))
        free.discard(-1 if near is None else near)
    return pairs + [(None, j) for j in sorted(free)]


def _disturbed(left: Sequence[_Line], right: Sequence[_Line]) -> set[int]:
    """Lines of the reference that were read together with other lines than ours: a score depends on its batch."""
    ours = {frozenset(right[j].polygon.tobytes() for j in batch) for batch in _batches(right)}
    return {
        i for batch in _batches(left) if frozenset(left[j].polygon.tobytes() for j in batch) not in ours for i in batch
    }


def _batches(lines: Sequence[_Line]) -> Iterator[list[int]]:
    """The lines in batches of six, narrowest first, by the crops that their boxes give."""
    ratios = [_ratio(line) for line in lines]
    order = sorted(range(len(lines)), key=lambda i: ratios[i])
    for start in range(0, len(order), _BATCH):
        yield order[start : start + _BATCH]


def _ratio(line: _Line) -> float:
    low, high = line.polygon.min(axis=0), line.polygon.max(axis=0)
    blank = np.zeros((int(high[1] - low[1]) + 2, int(high[0] - low[0]) + 2, 3), dtype=np.uint8)
    crop = crop_quad(blank, (line.polygon - low).astype(np.int16))
    return 0.0 if crop is None else crop.shape[1] / crop.shape[0]


def _apart_px(a: _Line, b: _Line) -> float:
    return float(np.abs(a.polygon - b.polygon).max())


def _text(lines: Sequence[_Line], index: int | None) -> str:
    return "" if index is None else lines[index].text


def _angle(res: Mapping[str, Any]) -> object:
    return res.get("doc_preprocessor_res", {}).get("angle")


def _lines(res: Mapping[str, Any]) -> list[_Line]:
    texts = res["rec_texts"]
    turned = res.get("textline_orientation_angles", [-1] * len(texts))
    words = (
        list(zip(res["text_word"], res["text_word_boxes"], strict=True)) if "text_word" in res else [None] * len(texts)
    )
    rows = zip(res["rec_polys"], texts, res["rec_scores"], turned, words, strict=True)
    return [
        _Line(polygon=np.array(polygon, dtype=np.int64), text=text, score=score, turned=angle, words=word)
        for polygon, text, score, angle, word in rows
    ]
