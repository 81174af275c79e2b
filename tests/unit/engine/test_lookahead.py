"""The next page is found while the last is read: order, errors, and how far ahead it goes."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import pytest

from ocr_engine import OCREngine
from ocr_engine.errors import UnreadableDocument
from ocr_engine.lookahead import one_ahead
from tests.unit.engine.drawing import LINES, bgr, sheet


def test_results_come_in_order_and_one_is_made_ahead_of_the_caller() -> None:
    made: list[int] = []
    second = threading.Event()

    def work(item: int) -> int:
        made.append(item)
        if item == 1:
            second.set()
        return item * 10

    results = one_ahead(range(5), work)
    assert next(results) == 0
    assert second.wait(timeout=10)
    assert made == [0, 1]
    assert list(results) == [10, 20, 30, 40]


def test_an_error_comes_when_its_item_is_asked_for() -> None:
    results = one_ahead([1, 0, 2], lambda item: 6 // item)
    assert next(results) == 6
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_who_stops_early_does_not_wait_and_leaves_no_thread_and_no_source_open() -> None:
    gate, closed = threading.Event(), threading.Event()

    def items() -> Iterator[int]:
        try:
            yield from range(1000)
        finally:
            closed.set()

    def work(item: int) -> int:
        if item == 1:
            gate.wait(timeout=30)
        return item

    results = one_ahead(items(), work)
    next(results)
    (thread,) = (thread for thread in threading.enumerate() if thread.name.startswith("ahead"))
    results.close()
    assert thread.is_alive()
    gate.set()
    assert closed.wait(timeout=10)
    thread.join(timeout=10)
    assert not thread.is_alive()


@pytest.mark.parametrize("threads", [1, 2])
def test_pages_before_a_broken_one_are_read_and_then_it_raises(threads: int) -> None:
    with OCREngine(cpu_threads=threads) as engine:
        pages = engine.predict_iter([bgr(sheet()), b"\xff\xd8\xff broken"])
        assert len(next(pages)["rec_texts"]) == len(LINES)
        with pytest.raises(UnreadableDocument):
            next(pages)


def test_the_pages_of_a_list_read_as_each_does_alone() -> None:
    first, second = bgr(sheet()), np.ascontiguousarray(bgr(sheet(LINES[:2])))
    with OCREngine(cpu_threads=2) as engine:
        together = [page["rec_texts"] for page in engine.predict([first, second])]
        alone = [engine.predict(page)[0]["rec_texts"] for page in (first, second)]
    assert together == alone
