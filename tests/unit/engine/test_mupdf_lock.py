"""MuPDF's lock: a document may be closed in the middle of a call, which the collector does wherever it runs."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Iterator

import pymupdf
import pytest

from ocr_engine.document import DocumentLimits
from ocr_engine.mupdf_lock import MUPDF_LOCK, MuPdfLock
from ocr_engine.pdf import PdfDocument
from tests.unit.engine.drawing import pdf, sheet


def finishes(work: Callable[[], None]) -> bool:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(timeout=10)
    return not thread.is_alive()


@pytest.fixture
def document() -> pymupdf.Document:
    return pymupdf.open()


def test_a_document_is_closed_at_once_where_nobody_is_at_work(document: pymupdf.Document) -> None:
    lock = MuPdfLock()
    lock.close(document)
    lock.close(document)
    assert document.is_closed


def test_one_that_is_closed_in_the_middle_of_a_call_is_closed_after_it(document: pymupdf.Document) -> None:
    lock, within = MuPdfLock(), []

    def call() -> None:
        with lock:
            lock.close(document)
            within.append(document.is_closed)

    assert finishes(call)
    assert within == [False]
    assert document.is_closed


def test_one_that_another_thread_closes_meanwhile_is_closed_by_whoever_is_at_work(document: pymupdf.Document) -> None:
    lock = MuPdfLock()
    with lock:
        assert finishes(lambda: lock.close(document))
        assert not document.is_closed
    assert document.is_closed


def test_a_document_that_fails_in_a_call_lets_the_next_one_work(document: pymupdf.Document) -> None:
    lock = MuPdfLock()
    with pytest.raises(ZeroDivisionError), lock:
        lock.close(document)
        _ = 1 // 0
    assert document.is_closed
    with lock:
        pass


def test_pages_that_were_dropped_may_be_collected_in_the_middle_of_a_call() -> None:
    def pages() -> Iterator[int]:
        with PdfDocument(pdf(sheet()), DocumentLimits()):
            yield 1

    class Reader:
        """Something that holds itself, so that only the collector ends it."""

        def __init__(self) -> None:
            self.pages, self.own = pages(), self
            next(self.pages)

    def call() -> None:
        with MUPDF_LOCK:
            gc.collect()

    Reader()
    assert finishes(call)
