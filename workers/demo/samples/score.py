"""How much of a page's text was read right, whatever the order of reading.

Method. Every read line is tied to the true lines that it lies on (their polygons overlap by at least 30 % of
the smaller one). Lines tied together, directly or through others, form a group: usually one true line and one
read line, but also two table cells that were read as one, or one line that was read in two pieces. In a group
both sides are put in the same order (rows of the true lines, then along the direction of writing), joined and
compared by edit distance. What was read where nothing is written is a group without truth: every character of
it is an error. What was not read is a group without reading: so is every character of that.

Text is compared after NFKC and without white space.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from workers.demo.samples.sample import SampleLine

# A detector's polygons are larger than the ink and graze the lines above and below: less than this is grazing.
_TIED_FROM_SHARE = 0.3


@dataclass(frozen=True, kw_only=True)
class Score:
    """Errors against a truth: inserted, missing or wrong characters, of so many true characters."""

    errors: int
    characters: int

    @property
    def accuracy(self) -> float:
        """1 - errors / characters, not below 0. Without any truth: 1 if nothing was read, else 0."""
        if self.characters == 0:
            return 0.0 if self.errors else 1.0
        return max(0.0, 1 - self.errors / self.characters)

    def __add__(self, other: "Score") -> "Score":
        return Score(errors=self.errors + other.errors, characters=self.characters + other.characters)


def character_accuracy(truth: Sequence[SampleLine], read: Sequence[SampleLine]) -> float:
    """Return the share of a page's characters that were read right, 0..1.

    truth, read: lines of one page in the same pixels; read in any order, polygons of four corners.
    """
    return score_page(truth, read).accuracy


def score_page(truth: Sequence[SampleLine], read: Sequence[SampleLine]) -> Score:
    """Count the errors of one page; add the scores of pages for that of a document."""
    overlaps = _overlap_shares(truth, read)
    frame = _writing_frame(truth)
    rows = _row_numbers(truth, frame)
    errors = 0
    for true_members, read_members in _groups(overlaps >= _TIED_FROM_SHARE):
        right = sorted(true_members, key=lambda i: (rows[i], _along(truth[i], frame)))
        seen = sorted(
            read_members,
            key=lambda j: (rows[int(np.argmax(overlaps[:, j]))] if truth else 0, _along(read[j], frame)),
        )
        errors += edit_distance(_joined(truth, right), _joined(read, seen))
    return Score(errors=errors, characters=len(_joined(truth, range(len(truth)))))


def edit_distance(left: str, right: str) -> int:
    """Return the least number of inserted, deleted and replaced characters between two strings."""
    codes = np.array([ord(character) for character in right], dtype=np.int64)
    steps = np.arange(len(right) + 1, dtype=np.int64)
    row = steps
    for character in left:
        new = np.empty_like(row)
        new[0] = row[0] + 1
        new[1:] = np.minimum(row[1:] + 1, row[:-1] + (codes != ord(character)))
        # An insertion costs one step from the cell on the left: a running minimum along the row.
        row = np.minimum.accumulate(new - steps) + steps
    return int(row[-1])


def _joined(lines: Sequence[SampleLine], order: Sequence[int]) -> str:
    return "".join("".join(unicodedata.normalize("NFKC", lines[i].text).split()) for i in order)


def _overlap_shares(truth: Sequence[SampleLine], read: Sequence[SampleLine]) -> NDArray[np.float64]:
    """Return (true lines, read lines): common area over the smaller of the two areas, 0..1."""
    shares = np.zeros((len(truth), len(read)), dtype=np.float64)
    if not truth or not read:
        return shares
    left, right = _corners(truth), _corners(read)
    # Almost all pairs are far apart: only those whose upright boxes meet are looked at closely.
    starts_before_end = (left.min(axis=1)[:, None] <= right.max(axis=1)[None]).all(axis=2)
    ends_after_start = (left.max(axis=1)[:, None] >= right.min(axis=1)[None]).all(axis=2)
    for i, j in np.argwhere(starts_before_end & ends_after_start):
        common = cv2.intersectConvexConvex(left[i], right[j])[0]
        smaller = min(cv2.contourArea(left[i]), cv2.contourArea(right[j]))
        shares[i, j] = common / max(smaller, 1.0)
    return shares


def _groups(tied: NDArray[np.bool_]) -> list[tuple[list[int], list[int]]]:
    """Split true and read lines, (true lines, read lines), into groups without ties between them."""
    true_count, read_count = tied.shape
    label = list(range(true_count + read_count))
    for i, j in np.argwhere(tied):
        keep, drop = label[i], label[true_count + j]
        label = [keep if value == drop else value for value in label]
    groups: dict[int, tuple[list[int], list[int]]] = {}
    for index, value in enumerate(label):
        true_members, read_members = groups.setdefault(value, ([], []))
        if index < true_count:
            true_members.append(index)
        else:
            read_members.append(index - true_count)
    return list(groups.values())


def _writing_frame(truth: Sequence[SampleLine]) -> NDArray[np.float64]:
    """Return two unit vectors as rows, (2, 2): the page's direction of writing, and that from row to row."""
    if not truth:
        return np.eye(2)
    corners = np.array([line.polygon for line in truth], dtype=np.float64)
    along = (corners[:, 1] - corners[:, 0]).sum(axis=0)
    x, y = along / max(float(np.hypot(*along)), 1e-9)
    return np.array([[x, y], [-y, x]])


def _row_numbers(truth: Sequence[SampleLine], frame: NDArray[np.float64]) -> list[int]:
    """Number the rows of true lines from the top: a new row starts where centres part by half a line."""
    if not truth:
        return []
    corners = np.array([line.polygon for line in truth], dtype=np.float64)
    heights = np.hypot(*(corners[:, 3] - corners[:, 0]).T)
    down = corners.mean(axis=1) @ frame[1]
    order = np.argsort(down, kind="stable")
    rows, row = [0] * len(truth), 0
    for above, below in pairwise(order):
        row += int(down[below] - down[above] > 0.5 * np.median(heights))
        rows[below] = row
    return rows


def _along(line: SampleLine, frame: NDArray[np.float64]) -> float:
    return float(np.mean(line.polygon, axis=0) @ frame[0])


def _corners(lines: Sequence[SampleLine]) -> NDArray[np.float32]:
    """Return polygons, (lines, 4, 2), pixels."""
    return np.array([line.polygon for line in lines], dtype=np.float32)
