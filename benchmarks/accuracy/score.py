"""How well a page was read, by the measures that papers use; text is compared after NFKC, case folding and plain signs.

1-NED: 1 - edit distance / length of the longer text, white space aside, both sides in the same order: rows by the
middles of their boxes, left to right. Word F1: words as a bag, Han characters as words. Detection: boxes matched one to
one, best overlap first, from an intersection over union of 0.5. End to end: matched lines whose text is equal.
Lines read inside a page's `ignore` regions do not count.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from benchmarks.dataset import Page, Polygon, TextLine

_SAME_BOX_IOU = 0.5
# Two lines whose middles differ by less than this share of the lower one's height are in one row.
_ROW_SHARE = 0.5
_PLAIN = str.maketrans(
    {"“": '"', "”": '"', "‘": "'", "’": "'", "—": "-", "–": "-", "、": ",", "。": ".", "·": "."}
    | {"…": "...", "【": "[", "】": "]", "《": "<", "》": ">"}
)
_HAN = re.compile(r"([\u3400-\u9fff\uf900-\ufaff])")
_EDGES = re.compile(r"^\W+|\W+$")


@dataclass(frozen=True, kw_only=True, slots=True)
class PageScore:
    """Counts of one page. `ned`: normalised edit distance, 0..1; the others are words and lines."""

    ned: float
    true_words: int
    read_words: int
    right_words: int
    true_lines: int
    read_lines: int
    matched_lines: int
    equal_lines: int


@dataclass(frozen=True, kw_only=True, slots=True)
class SetScore:
    """The scores of a set of pages, percent."""

    pages: int
    one_ned: float
    word_f1: float
    detection_precision: float
    detection_recall: float
    detection_f1: float
    end_to_end: float


def score_page(page: Page, read: Sequence[TextLine]) -> PageScore:
    """Score what was read of a page whose every line has its place."""
    read = [line for line in read if not _is_ignored(line, page.ignore)]
    truth_text, read_text = (plain(" ".join(line.text for line in in_order(lines))) for lines in (page.lines, read))
    true_words, read_words = Counter(words(truth_text)), Counter(words(read_text))
    pairs = matches([_place(line) for line in page.lines], [_place(line) for line in read])
    truth, found = _joined(truth_text), _joined(read_text)
    return PageScore(
        ned=edit_distance(truth, found) / max(len(truth), len(found), 1),
        true_words=true_words.total(),
        read_words=read_words.total(),
        right_words=(true_words & read_words).total(),
        true_lines=len(page.lines),
        read_lines=len(read),
        matched_lines=len(pairs),
        equal_lines=sum(_joined(plain(page.lines[i].text)) == _joined(plain(read[j].text)) for i, j in pairs),
    )


def total_of(pages: Sequence[PageScore]) -> SetScore:
    """Mean of 1-NED over the pages; all else over the sums of the counts. Raises: ValueError: no pages."""
    if not pages:
        raise ValueError("there are no pages to score")

    matched, true_lines = sum(page.matched_lines for page in pages), sum(page.true_lines for page in pages)
    right_words = sum(page.right_words for page in pages)
    precision = _percent(matched, sum(page.read_lines for page in pages))
    recall = _percent(matched, true_lines)
    return SetScore(
        pages=len(pages),
        one_ned=100.0 * (1.0 - sum(page.ned for page in pages) / len(pages)),
        word_f1=_f1(
            _percent(right_words, sum(page.read_words for page in pages)),
            _percent(right_words, sum(page.true_words for page in pages)),
        ),
        detection_precision=precision,
        detection_recall=recall,
        detection_f1=_f1(precision, recall),
        end_to_end=_percent(sum(page.equal_lines for page in pages), true_lines),
    )


def plain(text: str) -> str:
    """NFKC, case folded, typographic signs as a keyboard writes them."""
    return unicodedata.normalize("NFKC", text).casefold().translate(_PLAIN)


def words(text: str) -> Iterator[str]:
    """Words between white space without the signs at their ends; every Han character is one."""
    for piece in _HAN.sub(r" \1 ", text).split():
        word = _EDGES.sub("", piece)
        if word:
            yield word


def in_order(lines: Iterable[TextLine]) -> list[TextLine]:
    """Rows by the middles of their lines, top to bottom, each from left to right."""
    rows: list[tuple[float, float, list[tuple[float, TextLine]]]] = []
    placed = [(line, np.array(_place(line))) for line in lines]
    for line, points in sorted(placed, key=lambda one: float(one[1][:, 1].mean())):
        left, middle, height = float(points[:, 0].min()), float(points[:, 1].mean()), float(np.ptp(points[:, 1]))
        if rows and abs(middle - rows[-1][0]) < _ROW_SHARE * max(min(height, rows[-1][1]), 1.0):
            at, tall, members = rows[-1]
            members.append((left, line))
            rows[-1] = (at + (middle - at) / len(members), tall, members)
        else:
            rows.append((middle, height, [(left, line)]))
    return [line for _, _, members in rows for _, line in sorted(members, key=lambda member: member[0])]


def edit_distance(left: str, right: str) -> int:
    """Levenshtein distance: insertions, removals and replacements. A row of the table is one numpy pass."""
    if len(left) < len(right):
        left, right = right, left
    codes = np.array([ord(character) for character in right], dtype=np.int64)
    steps = np.arange(len(right) + 1, dtype=np.int64)
    row = steps.copy()
    for at, character in enumerate(left, start=1):
        best = np.minimum(row[1:] + 1, row[:-1] + (codes != ord(character)))
        whole = np.concatenate([np.array([at], dtype=np.int64), best])
        # An insertion costs one more than its left neighbour: a running minimum along the row.
        row = np.minimum.accumulate(whole - steps) + steps
    return int(row[-1])


def matches(truth: Sequence[Polygon], read: Sequence[Polygon]) -> list[tuple[int, int]]:
    """Pairs of boxes that overlap enough, each box once, best overlap first."""
    found = sorted(
        (
            (iou, i, j)
            for i, a in enumerate(truth)
            for j, b in enumerate(read)
            if (iou := overlap(a, b)) >= _SAME_BOX_IOU
        ),
        reverse=True,
    )
    pairs: list[tuple[int, int]] = []
    for _, i, j in found:
        if all(i != a and j != b for a, b in pairs):
            pairs.append((i, j))
    return pairs


def overlap(left: Polygon, right: Polygon) -> float:
    """Intersection over union of two convex polygons, 0..1."""
    a, b = (cv2.convexHull(np.array(points, dtype=np.float32)) for points in (left, right))
    if np.any(a.max(axis=0) < b.min(axis=0)) or np.any(b.max(axis=0) < a.min(axis=0)):
        return 0.0
    shared = float(cv2.intersectConvexConvex(a, b)[0])
    union = float(cv2.contourArea(a)) + float(cv2.contourArea(b)) - shared
    return shared / union if union > 0 else 0.0


def _place(line: TextLine) -> Polygon:
    if line.polygon is None:
        raise ValueError(f"the line {line.text!r} has no place")
    return line.polygon


def _is_ignored(line: TextLine, ignore: Sequence[Polygon]) -> bool:
    x, y = (float(value) for value in np.mean(_place(line), axis=0))
    return any(
        cv2.pointPolygonTest(np.array(region, dtype=np.float32), (x, y), measureDist=False) > 0 for region in ignore
    )


def _joined(text: str) -> str:
    return "".join(text.split())


def _percent(part: int, whole: int) -> float:
    return 100.0 * part / max(whole, 1)


def _f1(precision: float, recall: float) -> float:
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0
