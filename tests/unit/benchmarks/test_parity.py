"""The comparison of two readings: what is counted, and which cause is given."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from benchmarks.parity.compare import Cause, compare_pages
from benchmarks.parity.report import differences, table, total_of


# Any: a `res` object, as JSON holds it.
def res(*lines: tuple[str, int, float], angle: int = 0) -> dict[str, Any]:
    """A page with lines at heights."""
    return {
        "doc_preprocessor_res": {"angle": angle},
        "rec_polys": [[[0, y], [100 + y, y], [100 + y, y + 20], [0, y + 20]] for _, y, _ in lines],
        "rec_texts": [text for text, _, _ in lines],
        "rec_scores": [score for _, _, score in lines],
    }


PAGE = res(("one", 0, 0.9), ("two", 40, 0.8), ("three", 80, 0.7))


def causes(ours: dict[str, Any], reference: dict[str, Any] = PAGE) -> list[Cause]:
    (found,) = compare_pages("p", [reference], [ours])
    return [one.cause for one in found.differences]


def test_equal_pages_have_no_difference() -> None:
    (found,) = compare_pages("p", [PAGE], [PAGE])
    assert (found.lines, found.boxes, found.exact, found.texts, found.scores) == (3, 3, 3, 3, 3)
    assert (found.differences, found.score_max) == ((), 0)


@pytest.mark.parametrize(
    ("ours", "expected"),
    [
        (res(("one", 0, 0.9), ("two", 40, 0.8)), [Cause.MISSING]),
        (res(("one", 0, 0.9), ("two", 41, 0.8), ("three", 80, 0.7)), [Cause.BOX]),
        (res(("one", 0, 0.9), ("two", 41, 0.8), ("three", 80, 0.6)), [Cause.BOX, Cause.BATCH]),
        (res(("one", 0, 0.9), ("two", 40, 0.8), ("tree", 80, 0.7)), [Cause.TEXT]),
        (res(("one", 0, 0.9), ("two", 40, 0.798), ("three", 80, 0.7)), [Cause.SCORE]),
        (res(("one", 0, 0.9), ("two", 40, 0.8), ("tree", 80, 0.7), angle=180), [Cause.TURN]),
        (PAGE | {"textline_orientation_angles": [0, 0, 1]}, [Cause.LINE_TURN] * 3),
    ],
)
def test_every_difference_has_its_cause(ours: dict[str, Any], expected: list[Cause]) -> None:
    assert causes(ours) == expected


def test_words_are_compared_where_both_have_them() -> None:
    reference = PAGE | {"text_word": [["one"], ["two"], ["three"]], "text_word_boxes": [[[0, 0, 9, 9]]] * 3}
    moved = reference | {"text_word_boxes": [[[0, 0, 9, 9]], [[1, 0, 9, 9]], [[0, 0, 9, 9]]]}
    assert causes(moved, reference) == [Cause.WORDS]


def test_a_page_that_only_one_side_has_is_a_line_that_differs() -> None:
    found = compare_pages("p", [PAGE, PAGE], [PAGE])
    assert [one.cause for page in found for one in page.differences] == [Cause.PAGE]


def test_the_promise_is_broken_by_more_than_one_line_in_two_hundred() -> None:
    lines = [(f"line {y}", 30 * y, 0.9) for y in range(400)]
    two, three = ([(t + "!" if i < n else t, y, s) for i, (t, y, s) in enumerate(lines)] for n in (2, 3))
    assert total_of(compare_pages("p", [res(*lines)], [res(*two)])).is_kept
    assert not total_of(compare_pages("p", [res(*lines)], [res(*three)])).is_kept


def test_the_report_names_the_row_the_line_and_the_cause() -> None:
    found = compare_pages("set/p.png", [PAGE], [res(("one", 0, 0.9), ("two", 40, 0.8), ("tree", 80, 0.7))])
    listed = "\n".join([*differences(found), *table({"plain": total_of(found)})])
    assert "set/p.png: text differs in the same box" in listed
    assert "'three' | 'tree'" in listed
    assert np.isclose(total_of(found).texts, 2 / 3)
    assert "66.67" in listed
