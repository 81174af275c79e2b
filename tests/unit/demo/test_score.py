"""The score of a reading: what counts as an error and what does not."""

import time

import pytest

from workers.demo.samples import SampleLine, draw
from workers.demo.samples.score import Score, character_accuracy, edit_distance, score_page

# Two rows of two cells and a line below: 29 characters without white space.
_TRUTH = (
    ("Apples", 0, 0),
    ("4.20", 300, 0),
    ("Pears", 0, 40),
    ("3.95", 300, 40),
    ("Thank you!!", 0, 80),
)
_CHARACTERS = 29


def _line(text: str, x: float, y: float, *, grown: float = 0.0) -> SampleLine:
    """Place a line 20 pixels high and 12 pixels a character wide; grown on all sides as detectors do."""
    left, top, right, bottom = x - grown, y - grown, x + 12 * len(text) + grown, y + 20 + grown
    return SampleLine(text=text, polygon=((left, top), (right, top), (right, bottom), (left, bottom)))


@pytest.fixture
def truth() -> list[SampleLine]:
    return [_line(text, x, y) for text, x, y in _TRUTH]


@pytest.fixture
def read() -> list[SampleLine]:
    return [_line(text, x, y, grown=5) for text, x, y in _TRUTH]


def test_a_perfect_reading_scores_one(truth: list[SampleLine], read: list[SampleLine]) -> None:
    assert character_accuracy(truth, read) == 1.0


def test_the_order_of_reading_does_not_matter(truth: list[SampleLine], read: list[SampleLine]) -> None:
    assert character_accuracy(truth, read[::-1]) == 1.0
    assert character_accuracy(truth[::-1], read) == 1.0


def test_a_wrong_character_is_one_error(truth: list[SampleLine], read: list[SampleLine]) -> None:
    read[0] = _line("Appies", 0, 0)
    assert score_page(truth, read) == Score(errors=1, characters=_CHARACTERS)
    assert character_accuracy(truth, read) == pytest.approx(1 - 1 / _CHARACTERS)


def test_a_missing_line_costs_its_characters(truth: list[SampleLine], read: list[SampleLine]) -> None:
    assert score_page(truth, read[:-1]).errors == len("Thankyou!!")


def test_text_where_nothing_is_written_is_all_errors(truth: list[SampleLine], read: list[SampleLine]) -> None:
    assert score_page(truth, [*read, _line("ghost", 0, 200)]).errors == len("ghost")


def test_a_line_read_twice_is_an_error(truth: list[SampleLine], read: list[SampleLine]) -> None:
    assert score_page(truth, [*read, read[2]]).errors == len("Pears")


def test_the_right_text_in_the_wrong_place_does_not_count(truth: list[SampleLine], read: list[SampleLine]) -> None:
    read[1], read[3] = _line("3.95", 300, 0), _line("4.20", 300, 40)
    assert score_page(truth, read).errors > 0


def test_cells_read_as_one_line_are_right(truth: list[SampleLine], read: list[SampleLine]) -> None:
    merged = SampleLine(text="Apples   4.20", polygon=((-5, -5), (353, -5), (353, 25), (-5, 25)))
    assert character_accuracy(truth, [merged, *read[2:]]) == 1.0


def test_a_line_read_in_pieces_is_right(truth: list[SampleLine], read: list[SampleLine]) -> None:
    pieces = [_line("you!!", 72, 81, grown=4), _line("Thank", 0, 79, grown=4)]
    assert character_accuracy(truth, [*pieces, *read[:-1]]) == 1.0


def test_columns_merged_on_several_rows_keep_their_rows() -> None:
    truth = [_line("left one", 0, 0), _line("left two", 0, 30), _line("right one", 200, 0), _line("right two", 200, 30)]
    read = [
        SampleLine(text="left two right two", polygon=((0, 30), (308, 30), (308, 50), (0, 50))),
        SampleLine(text="left one right one", polygon=((0, 0), (308, 0), (308, 20), (0, 20))),
    ]
    assert character_accuracy(truth, read) == 1.0


def test_lines_that_only_graze_their_neighbours_stay_apart() -> None:
    truth = [_line("above", 0, 0), _line("below", 0, 24)]
    read = [_line("below", 0, 24, grown=6), _line("above", 0, 0, grown=6)]
    assert character_accuracy(truth, read) == 1.0


def test_a_page_that_lies_sideways_is_read_along_its_lines() -> None:
    # Written downwards: the first row is the rightmost, and "one" lies above "two".
    def downwards(text: str, y: float) -> SampleLine:
        bottom = y + 12 * len(text)
        return SampleLine(text=text, polygon=((120, y), (120, bottom), (100, bottom), (100, y)))

    merged = SampleLine(text="one two", polygon=((122, 0), (122, 140), (98, 140), (98, 0)))
    assert character_accuracy([downwards("two", 100), downwards("one", 0)], [merged]) == 1.0


def test_white_space_and_wide_forms_do_not_matter() -> None:
    truth = [_line("电话：0571 8823（每天）", 0, 0)]
    assert character_accuracy(truth, [_line("电话:05718823(每天)", 0, 0)]) == 1.0


def test_nothing_read_scores_zero(truth: list[SampleLine]) -> None:
    assert character_accuracy(truth, []) == 0.0


def test_more_errors_than_characters_score_zero(truth: list[SampleLine]) -> None:
    assert character_accuracy(truth[:1], [_line("a very long ghost of a line", 0, 300)]) == 0.0


def test_an_empty_page_is_right_when_nothing_is_read() -> None:
    assert character_accuracy([], []) == 1.0
    assert character_accuracy([], [_line("ghost", 0, 0)]) == 0.0


def test_scores_of_pages_add_up_to_that_of_the_document() -> None:
    document = Score(errors=1, characters=10) + Score(errors=0, characters=90)
    assert document.accuracy == pytest.approx(0.99)


@pytest.mark.parametrize(
    ("left", "right", "distance"),
    [
        ("", "", 0),
        ("abc", "", 3),
        ("", "ab", 2),
        ("kitten", "sitting", 3),
        ("开放时间", "开放时问", 1),
        ("ab", "ba", 2),
    ],
)
def test_edit_distance_counts_single_changes(left: str, right: str, distance: int) -> None:
    assert edit_distance(left, right) == distance


def test_a_full_page_is_scored_in_a_tenth_of_a_second() -> None:
    lines = draw("report.pdf").pages[1].lines
    # Of processor time: other work on the machine must not fail this test.
    started = time.process_time()
    assert character_accuracy(lines, lines) == 1.0
    assert time.process_time() - started < 0.1
