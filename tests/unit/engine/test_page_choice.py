"""Which pages of a document are read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_engine import InvalidRequest, OCREngine
from ocr_engine.page_choice import PageChoice
from producer.contract.pages import PageSelection
from tests.unit.engine.drawing import pdf, saved, sheet


@pytest.mark.parametrize(
    ("pages", "chosen"),
    [(None, (0, 1, 2, 3)), ("2", (1,)), ("1-2,4", (0, 1, 3)), ("3-9,1", (0, 2, 3)), (2, (1,)), ([4, 1, 4], (0, 3))],
)
def test_pages_count_from_1_and_come_in_order(pages: str | int | list[int] | None, chosen: tuple[int, ...]) -> None:
    assert PageChoice.parse(pages).of(4) == chosen


@pytest.mark.parametrize("pages", ["", "0", "3-1", "a", "1,,2", "-1", -1, [0], []])
def test_what_cannot_be_read_is_named(pages: str | int | list[int]) -> None:
    with pytest.raises(InvalidRequest, match="page"):
        PageChoice.parse(pages)


def test_a_number_of_numpy_is_a_number_and_what_is_none_is_refused(engine: OCREngine) -> None:
    page = np.zeros((64, 64, 3), dtype=np.uint8)
    assert len(engine.predict(page, pages=np.int64(1))) == 1  # type: ignore[arg-type]
    with pytest.raises(InvalidRequest, match=r"pages=2\.5 chooses no pages"):
        engine.predict(page, pages=2.5)  # type: ignore[arg-type]


@given(st.text("0123456789-, x", max_size=8), st.integers(1, 40))
def test_the_engine_and_the_queue_read_pages_alike(text: str, page_count: int) -> None:
    try:
        chosen = [index + 1 for index in PageChoice.parse(text).of(page_count)]
    except InvalidRequest:
        chosen = []
    try:
        selected = list(PageSelection.parse(text).of(page_count))
    except ValueError:
        selected = []
    assert chosen == selected


def test_only_the_chosen_pages_are_read_and_keep_their_index(engine: OCREngine, tmp_path: Path) -> None:
    source = saved(tmp_path, "doc.pdf", pdf(*[sheet(size=(300, 100))] * 3))
    assert [read["page_index"] for read in engine.predict(source, pages="1,3-9")] == [0, 2]
    with pytest.raises(InvalidRequest, match="pages=4 chooses none of its 3 pages"):
        engine.predict(source, pages=4)
