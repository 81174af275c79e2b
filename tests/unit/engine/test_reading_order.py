"""Lines in rows, on straight and on tilted pages."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ocr_engine.reading_order import in_rows
from ocr_engine.types import Polygon

# Three rows of a receipt, names and prices, whose prices lie a little higher or lower than their names.
RECEIPT = [(40, 100, 400, 30), (900, 108, 90, 30), (40, 150, 300, 30), (900, 146, 90, 24), (40, 200, 350, 30)]


def box(x: float, y: float, width: float, height: float, *, tilt_deg: float = 0.0) -> Polygon:
    """A line of a page that is tilted about its upper left corner."""
    angle = math.radians(tilt_deg)
    turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    corners = np.array([(x, y), (x + width, y), (x + width, y + height), (x, y + height)], dtype=np.float64)
    return np.asarray((corners @ turn).round(), dtype=np.int16)


def order_of(lines: list[Polygon]) -> list[int]:
    """The places in `lines` of the lines in the order in which they are read."""
    return [next(at for at, line in enumerate(lines) if line is one) for one in in_rows(lines)]


@pytest.mark.parametrize("tilt_deg", [0.0, 0.7, -3.0, 15.0, -25.0])
def test_the_ends_of_a_row_are_read_together_however_the_page_is_tilted(tilt_deg: float) -> None:
    lines = [box(*place, tilt_deg=tilt_deg) for place in RECEIPT]
    assert order_of([lines[at] for at in (3, 0, 4, 2, 1)]) == [1, 4, 3, 0, 2]


def test_a_small_line_beside_a_large_one_is_in_its_row() -> None:
    label, value = box(89, 144, 20, 8), box(114, 144, 214, 13)
    assert order_of([value, label]) == [1, 0]


def test_lines_that_only_touch_are_rows_of_their_own() -> None:
    lower, upper = box(40, 128, 300, 30), box(200, 100, 300, 30)
    assert order_of([lower, upper]) == [1, 0]


def test_a_line_that_is_set_downwards_is_read_where_it_begins() -> None:
    side, first, second, third = (
        box(900, 100, 30, 400),
        box(40, 100, 400, 30),
        box(40, 200, 400, 30),
        box(40, 400, 400, 30),
    )
    assert order_of([third, side, second, first]) == [3, 1, 2, 0]


def test_a_page_of_short_lines_is_taken_as_straight() -> None:
    assert order_of([box(200, 100, 30, 30), box(40, 104, 30, 30), box(40, 200, 30, 30)]) == [1, 0, 2]


@pytest.mark.parametrize("count", [0, 1])
def test_few_lines_stay_as_they_are(count: int) -> None:
    lines = [box(40, 100, 400, 30)] * count
    assert in_rows(lines) == lines
