"""The speed tables: which numbers are compared with which, and that every comparison can be run."""

from __future__ import annotations

import resource
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks.dataset import TextLine
from benchmarks.speed.comparisons import COMPARISONS, Comparison, Mode
from benchmarks.speed.engines import ENGINES, OURS, REFERENCE, engine_named
from benchmarks.speed.environments import NotInstalled, python_of
from benchmarks.speed.report import (
    Measured,
    Table,
    cpu_ratio,
    drawing,
    long_document,
    ratio,
    same_text,
    stages,
    table,
)
from benchmarks.speed.rounds import EngineFailed, Job, Round, run_round
from benchmarks.speed.stages import LongDocument, Stages, measure_long_document

PAGE = Path("a.png")


def measured(name: str, *walls_s: float, texts: tuple[str, ...] = ()) -> Measured:
    rounds = (
        Round(
            pages=10,
            pages_per_s=10 / w,
            cpu_s=2 * w,
            peak_mb=w * 100,
            load_s=0.5,
            load_cpu_s=0.4,
            first_s=1.0,
            warm_s=0.5,
        )
        for w in walls_s
    )
    lines = {PAGE: [TextLine(text=text, polygon=None) for text in texts]}
    return Measured(name=name, weights="v6 small", rounds=tuple(rounds), scores={}, lines=lines)


def of(*engines: Measured, exact: bool = False, failed: dict[str, str] | None = None) -> Table:
    names = tuple(engine.name for engine in engines)
    comparison = Comparison(title="A & B", mode=Mode.ONE, engines=names, same_text=exact)
    return Table(comparison=comparison, measured=engines, failed=failed or {})


OURS_MEASURED, PEER = measured("ours", 5.0, 4.0, 10.0), measured("peer <1>", 10.0, 12.0, 20.0)


def test_a_ratio_is_the_median_of_the_same_rounds_so_that_a_slow_minute_hits_both() -> None:
    # 2, 3 and 2: the third round was slow for both.
    assert ratio(OURS_MEASURED, PEER) == cpu_ratio(OURS_MEASURED, PEER) == 2.0
    assert OURS_MEASURED.pages_per_s == 2.0
    assert OURS_MEASURED.cpu_s_per_page == 1.0


def test_the_table_refers_to_the_first_engine_and_names_what_could_not_be_measured() -> None:
    text = table(of(OURS_MEASURED, PEER, failed={"other": "pip could not install it"}))
    assert "| ours | v6 small | 2.00 | 1.00 x | 1.00 x | 1.00 | 1000 | 0.5 (0.4) | 1.00 / 0.50 |" in text
    assert "| peer <1> | v6 small | 0.83 | 2.00 x | 2.00 x |" in text
    assert "Not measured: other: pip could not install it." in text


def test_lines_are_the_same_whatever_their_order_and_each_counts_once() -> None:
    left, right = measured("a", 1.0, texts=("x", "x", "y")), measured("b", 1.0, texts=("y", "x", "z", "w"))
    assert same_text(left, right) == 0.5
    assert "| 50.0 % |" in table(of(left, right, exact=True))


def test_the_drawing_is_well_formed_and_its_bars_are_as_long_as_the_numbers() -> None:
    root = ElementTree.fromstring(drawing([of(OURS_MEASURED, PEER), of(PEER)]))  # noqa: S314 the text is our own
    bars = [float(bar.attrib["width"]) for bar in root.iter("{http://www.w3.org/2000/svg}rect")]
    assert bars[1] / bars[0] == pytest.approx(PEER.pages_per_s / OURS_MEASURED.pages_per_s, abs=0.01)
    # In a comparison of its own it is the longest.
    assert bars[2] == bars[0]


def test_stages_add_up_and_tell_what_is_no_network() -> None:
    text = stages(Stages(timings_ms={"decode": 15.0, "recognition": 50.0}, outside=0.125))
    assert text.splitlines()[2] == "| 15 | 50 | 65 |"
    assert "12.5 %" in text


def test_a_long_document_is_told_by_its_page_against_that_of_a_short_one() -> None:
    found = LongDocument(
        short_pages=10, long_pages=40, short_ms=100.0, long_ms=103.0, short_peak_mb=700.0, long_peak_mb=710.0
    )
    assert "costs 1.030 of a page" in long_document(found)


def test_the_peak_of_a_document_is_its_own_and_not_what_the_process_had_before(tmp_path: Path) -> None:
    """The pages before it take a gigabyte and more: a document that grows would hide behind them."""
    page = tmp_path / "page.png"
    cv2.imwrite(str(page), np.full((200, 300, 3), 255, dtype=np.uint8))
    before = np.ones(2**30, dtype=np.uint8)
    assert int(before[-1]) == 1
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    del before
    found = measure_long_document([page], tmp_path, long_pages=3)
    assert (found.short_pages, found.long_pages) == (1, 3)
    assert 100 < found.short_peak_mb < peak_mb - 256
    assert 100 < found.long_peak_mb < peak_mb - 256
    assert found.short_ms > 0
    assert found.long_ms > 0


def test_every_engine_is_found_by_its_name_and_every_comparison_names_engines() -> None:
    assert [engine_named(engine.name) for engine in ENGINES] == list(ENGINES)
    assert all(engine_named(name) for one in COMPARISONS for name in one.engines)
    assert COMPARISONS[0].engines[0] == OURS


def test_an_engine_without_its_environment_says_what_makes_it(tmp_path: Path) -> None:
    reference = next(engine for engine in ENGINES if engine.requirements == (REFERENCE,))
    with pytest.raises(NotInstalled, match=r"make \.venv-paddle/stamp"):
        python_of(reference, tmp_path, tmp_path / "missing")
    assert python_of(engine_named(OURS), tmp_path, tmp_path) == Path(sys.executable)


def test_an_engine_that_cannot_start_ends_with_the_last_thing_it_wrote(tmp_path: Path) -> None:
    job = Job(
        engine="no such engine",
        python=Path(sys.executable),
        weights=tmp_path,
        pages=(PAGE, PAGE),
        mode=Mode.PAIR,
        folder=tmp_path,
    )
    with pytest.raises(EngineFailed, match="KeyError: 'no such engine'"):
        run_round(job)
