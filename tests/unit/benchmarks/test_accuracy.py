"""The accuracy score, on values worked out by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.accuracy.score import edit_distance, in_order, matches, overlap, plain, score_page, total_of, words
from benchmarks.dataset import Page, Polygon, TextLine


def box(left: float, top: float, width: float, height: float) -> Polygon:
    return ((left, top), (left + width, top), (left + width, top + height), (left, top + height))


def line(text: str, left: float, top: float, width: float = 100, height: float = 20) -> TextLine:
    return TextLine(text=text, polygon=box(left, top, width, height))


def page(*lines: TextLine, ignore: tuple[Polygon, ...] = ()) -> Page:
    return Page(name="set/page.png", path=Path("page.png"), lines=lines, ignore=ignore)


TRUTH = page(line("Total: 12.50", 0, 0), line("三日内", 200, 2), line("Thank you", 0, 40))


def test_a_perfect_reading_in_any_order_scores_all() -> None:
    score = total_of([score_page(TRUTH, TRUTH.lines[::-1])])
    assert (score.one_ned, score.word_f1, score.detection_f1, score.end_to_end) == (100, 100, 100, 100)


def test_each_measure_counts_what_it_says() -> None:
    # 11 + 3 + 8 = 22 characters, one of them wrong; 2 + 3 + 2 = 7 words, one of them wrong.
    # The second line lies beside its box, so two of three boxes match, and one of those has the text.
    read = [line("Total: 12.80", 0, 0), line("三日内", 200, 30), line("Thank you", 0, 40)]
    score = total_of([score_page(TRUTH, read)])
    assert score.one_ned == pytest.approx(100 * (1 - 1 / 22))
    assert score.word_f1 == pytest.approx(100 * 6 / 7)
    assert (score.detection_precision, score.detection_recall) == pytest.approx((200 / 3, 200 / 3))
    assert score.end_to_end == pytest.approx(100 / 3)


def test_the_edit_distance_is_right_where_it_can_be_seen() -> None:
    cases = {("", ""): 0, ("", "abc"): 3, ("kitten", "sitting"): 3, ("abc", "abc"): 0, ("flaw", "lawn"): 2}
    for (left, right), distance in cases.items():
        assert edit_distance(left, right) == edit_distance(right, left) == distance


def test_boxes_overlap_as_areas_do() -> None:
    assert overlap(box(0, 0, 10, 10), box(5, 0, 10, 10)) == pytest.approx(1 / 3)
    assert overlap(box(0, 0, 10, 10), box(20, 0, 10, 10)) == 0
    assert overlap(box(0, 0, 10, 10), box(0, 0, 10, 10)) == pytest.approx(1)


def test_a_box_is_matched_once_and_by_its_best_overlap() -> None:
    truth = [box(0, 0, 100, 20)]
    read = [box(10, 0, 100, 20), box(1, 0, 100, 20)]
    assert matches(truth, read) == [(0, 1)]


def test_lines_of_a_row_are_read_from_left_to_right() -> None:
    lines = [line("b", 200, 4), line("c", 0, 40), line("a", 0, 0)]
    assert [one.text for one in in_order(lines)] == ["a", "b", "c"]


def test_text_in_an_ignored_region_does_not_count() -> None:
    told = page(*TRUTH.lines, ignore=(box(0, 100, 500, 100),))
    assert score_page(told, [*told.lines, line("a table", 50, 120)]).read_lines == 3
    assert score_page(TRUTH, [*told.lines, line("a table", 50, 120)]).read_lines == 4


def test_signs_and_widths_are_made_plain_and_han_characters_are_words() -> None:
    assert plain("“ＡＢＣ”、—") == '"abc",-'
    assert list(words('"abc," 三日x -')) == ["abc", "三", "日", "x"]
