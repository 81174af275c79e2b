"""How wide a line is read, when it is read again or turned, and the threads that do it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest

from ocr_engine import InvalidRequest
from ocr_engine.crew import Crew
from ocr_engine.modules.ctc import Alphabet
from ocr_engine.modules.line_orientation import LineOrientationClassifier
from ocr_engine.modules.squeeze import (
    SqueezeRule,
    batches_of,
    better,
    needs_second_look,
    pilots_of,
    rule_after,
    rule_of,
    width_of,
)
from ocr_engine.modules.squeeze_reader import SqueezeReader
from ocr_engine.runtimes.canned import CannedRuntime
from ocr_engine.types import Image, Polygon, Reading, Tensor

ALPHABET = Alphabet(characters=("", "a", "b", " "))
RULE = SqueezeRule(squeeze=0.5, wide_squeeze=0.5, redo_below=0.9, turn_below=0.6)
TWO_STEPS = replace(RULE, squeeze=0.65)


@pytest.mark.parametrize(
    ("crop", "squeeze", "width"),
    [
        ((480, 48), 1.0, 480),
        ((480, 48), 0.7, 320),
        ((500, 48), 1.0, 512),
        ((440, 48), 1.0, 448),
        ((200, 48), 1.0, 192),
        ((620, 48), 1.0, 640),
        ((600, 48), 1.0, 576),
        ((1090, 48), 1.0, 1152),
        ((100, 200), 1.0, 32),
        ((1, 4000), 0.5, 32),
        ((9000, 48), 0.5, 3200),
        ((960, 96), 0.7, 320),
    ],
)
def test_a_line_is_stretched_to_the_nearest_width_that_is_a_sixteenth_away_at_most(
    crop: tuple[int, int], squeeze: float, width: int
) -> None:
    assert width_of(*crop, squeeze) == width


def test_less_effort_never_reads_more_pixels() -> None:
    squeezes = [rule_of(effort).squeeze for effort in np.linspace(0, 1, 11)]
    assert squeezes == sorted(squeezes)
    assert (squeezes[0], squeezes[-1]) == (0.5, 1.0)
    assert rule_of(1.0).redo_below == 0.0
    wide = [rule_of(effort).wide_squeeze for effort in np.linspace(0, 1, 11)]
    assert wide == sorted(wide)
    assert all(least <= squeeze for least, squeeze in zip(wide, squeezes, strict=True))


@pytest.mark.parametrize(
    ("score", "crop", "again"), [(0.89, (48, 480, 3), True), (0.9, (48, 480, 3), False), (0.1, (48, 20, 3), False)]
)
def test_a_poor_line_is_read_again_if_it_was_squeezed(score: float, crop: tuple[int, ...], again: bool) -> None:
    assert needs_second_look(crop, Reading(text="a", score=score), RULE) is again


def test_the_longest_lines_are_read_first_unless_they_decide_nothing() -> None:
    shapes = [(48, width, 3) for width in (100, 1900, 1500, 1700, 1600)] + [(96, 1900, 3)]
    assert pilots_of(shapes, TWO_STEPS) == [1, 3, 4, 2]
    assert pilots_of(shapes, RULE) == []
    assert pilots_of(shapes, rule_of(1.0)) == []


def test_the_lines_of_a_call_are_read_first_together() -> None:
    shapes = [(48, 190, 3)] * 9
    # Six of 128 pixels in a call, the others one by one.
    assert pilots_of(shapes, TWO_STEPS) == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("letters", "scores", "squeeze"),
    [
        pytest.param(24, (0.99, 0.99), 0.65, id="a Latin letter has 20 pixels: no further"),
        pytest.param(14, (0.99, 0.99), 0.58, id="one of 34 pixels keeps 20"),
        pytest.param(10, (0.99, 0.99), 0.5, id="one of 48 keeps the least share"),
        pytest.param(10, (0.99, 0.5), 0.65, id="half of the pilots read poorly"),
        pytest.param(0, (0.99, 0.99), 0.65, id="nothing was read"),
    ],
)
def test_a_page_of_wide_characters_is_squeezed_further(letters: int, scores: tuple[float, ...], squeeze: float) -> None:
    pilots = [Reading(text="a" * letters, score=score) for score in scores]
    rule = rule_after([(48, 480, 3)] * len(pilots), pilots, TWO_STEPS)
    assert rule.squeeze == pytest.approx(squeeze, abs=0.005)
    assert replace(rule, squeeze=TWO_STEPS.squeeze) == TWO_STEPS


def test_lines_of_equal_width_share_a_call_that_is_full_or_holds_one() -> None:
    widths = [256, 96, 256, 256, 800, 256, 800]
    assert batches_of(widths) == [[0, 2, 3], [5], [1], [4], [6]]
    assert batches_of([]) == []


def test_the_better_reading_has_the_higher_score_and_the_wider_wins_a_tie() -> None:
    low, high = Reading(text="a", score=0.5), Reading(text="b", score=0.6)
    assert better(low, high) is better(high, low) is high
    tied = Reading(text="c", score=0.6)
    assert better(high, tied) is tied


# --- the reader


def page_of(*levels: int) -> tuple[Image, list[Polygon]]:
    """A page of bands 480 x 48 in these greys, and their quadrilaterals."""
    page = np.concatenate([np.full((48, 480, 3), level, dtype=np.uint8) for level in levels])
    corners = ((0, 0), (480, 0), (480, 48), (0, 48))
    polygons = [np.array([(x, y + 48 * row) for x, y in corners], dtype=np.int16) for row in range(len(levels))]
    return page, polygons


def reading_runtime(score_of: Callable[[float, int], float]) -> CannedRuntime:
    """A recogniser that reads one 'a' with the score for a line's brightness (-1..1) and width in pixels."""

    def answer(batch: Tensor) -> Tensor:
        steps = np.zeros((len(batch), 1, 4), dtype=np.float32)
        steps[:, 0, 1] = [score_of(float(line[0, 0, 0]), batch.shape[3]) for line in batch]
        return steps

    return CannedRuntime(answer)


def reader(
    runtime: CannedRuntime, crew: Crew, turned: CannedRuntime | None = None, rule: SqueezeRule = RULE
) -> SqueezeReader:
    classifier = LineOrientationClassifier(turned, name="", batch_size=6) if turned else None
    return SqueezeReader(runtime, ALPHABET, rule=rule, crew=crew, classifier=classifier)


@pytest.fixture(params=[1, 3])
def crew(request: pytest.FixtureRequest) -> Iterator[Crew]:
    made = Crew(request.param)
    yield made
    made.close()


def test_only_the_line_that_reads_poorly_is_read_again_and_the_order_is_kept(crew: Crew) -> None:
    page, polygons = page_of(255, 0, 255)
    runtime = reading_runtime(lambda bright, width: 0.95 if bright > 0 else width / 1000)
    read = reader(runtime, crew).read(page, polygons, turn=False)
    assert [round(reading.score, 3) for reading in read.readings] == [0.95, 0.48, 0.95]
    # All three in one call at half of about 490 pixels, a line with its margins, and one again at that.
    assert runtime.shapes == [(3, 3, 48, 256), (1, 3, 48, 480)]
    assert read.classes is None


def test_what_the_longest_lines_say_decides_how_far_the_others_are_squeezed(crew: Crew) -> None:
    page, polygons = page_of(255, 255, 255, 255, 255, 100, 255)
    # One letter to 490 pixels is a wide one.
    runtime = reading_runtime(lambda bright, width: 0.95 if bright > 0 else 0.5)
    read = reader(runtime, crew, rule=TWO_STEPS).read(page, polygons, turn=False)
    assert [round(reading.score, 2) for reading in read.readings] == [0.95] * 5 + [0.5, 0.95]
    # Four at 0.65 of their width, two in a call, the others at half of it, the poor one again at all of it.
    assert runtime.shapes == [(2, 3, 48, 320)] * 2 + [(3, 3, 48, 256), (1, 3, 48, 480)]


def test_a_line_is_turned_only_if_it_reads_poorly_and_reads_better_turned(crew: Crew) -> None:
    page, polygons = page_of(255, 0, 100)
    # Dark at its start and bright at its end: turning makes the line read well.
    page[48:96, 240:] = 255
    scores = {1: 0.95, -1: 0.3}
    runtime = reading_runtime(lambda bright, width: scores.get(round(bright), 0.2))
    upside_down = CannedRuntime(lambda batch: np.array([[0, 1]] * len(batch), dtype=np.float32))
    read = reader(runtime, crew, upside_down).read(page, polygons, turn=True)
    assert read.classes == (0, 1, 0)
    assert [round(reading.score, 2) for reading in read.readings] == [0.95, 0.95, 0.2]
    # The first line was good enough not to be asked about.
    assert [shape[0] for shape in upside_down.shapes] == [2]


def test_a_region_that_cannot_be_cut_out_is_no_line(crew: Crew) -> None:
    page, polygons = page_of(255)
    empty = np.zeros((4, 2), dtype=np.int16)
    read = reader(reading_runtime(lambda bright, width: 1.0), crew).read(page, [empty, *polygons], turn=False)
    assert len(read.polygons) == len(read.readings) == 1


# --- the crew


def test_a_crew_starts_the_costliest_item_first_and_keeps_the_order_of_the_items() -> None:
    started: list[int] = []
    gate = threading.Event()

    def work(item: int) -> int:
        if item == 9:
            gate.wait(timeout=10)
        started.append(item)
        return item * 10

    crew = Crew(2)
    with_two = threading.Timer(0.05, gate.set)
    with_two.start()
    assert crew.map(work, [1, 9, 2, 5], cost=float) == [10, 90, 20, 50]
    with_two.join()
    crew.close()
    # 9 and 5 start together; the other thread takes the rest, longest first.
    assert [item for item in started if item != 9] == [5, 2, 1]


def test_an_error_in_one_task_is_raised_and_the_crew_goes_on(crew: Crew) -> None:
    with pytest.raises(ZeroDivisionError):
        crew.map(lambda item: 1 // item, [1, 0, 2], cost=float)
    assert crew.map(lambda item: -item, [3, 4], cost=float) == [-3, -4]


def test_a_closed_crew_says_that_the_engine_is_closed() -> None:
    crew = Crew(2)
    crew.close()
    crew.close()
    with pytest.raises(InvalidRequest, match="closed"):
        crew.map(lambda item: item, [1, 2], cost=float)
