"""The speed table: which numbers are compared with which."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest

from benchmarks.speed.engines import ENGINES, engine_named
from benchmarks.speed.report import Measured, Round, drawing, ratio, stages, table


def measured(name: str, *walls_s: float) -> Measured:
    rounds = (Round(pages=10, wall_s=w, cpu_s=2 * w, peak_mb=w * 100, load_s=0.5, first_s=1.0) for w in walls_s)
    return Measured(name=name, weights="v6 small", rounds=tuple(rounds), scores={})


OURS, PEER = measured("ours", 5.0, 4.0, 10.0), measured("peer <1>", 10.0, 12.0, 20.0)


def test_a_ratio_is_the_median_of_the_same_rounds_so_that_a_slow_minute_hits_both() -> None:
    # 2, 3 and 2: the third round was slow for both.
    assert ratio(OURS, PEER) == 2.0
    assert OURS.pages_per_s == 2.0
    assert OURS.cpu_s_per_page == 1.0


def test_the_table_refers_to_the_first_engine_and_names_what_could_not_be_measured() -> None:
    text = table([OURS, PEER], {"other": "pip could not install it"})
    assert "| ours | v6 small | 2.00 | 1.00 x | 1.00 | 1000 |" in text
    assert "| peer <1> | v6 small | 0.83 | 2.00 x |" in text
    assert "Not measured: other: pip could not install it." in text


def test_the_drawing_is_well_formed_and_its_bars_are_as_long_as_the_numbers() -> None:
    root = ElementTree.fromstring(drawing([OURS, PEER]))  # noqa: S314 the text is our own
    bars = [float(bar.attrib["width"]) for bar in root.iter("{http://www.w3.org/2000/svg}rect")]
    assert bars[1] / bars[0] == pytest.approx(PEER.pages_per_s / OURS.pages_per_s, abs=0.01)


def test_stages_are_means_and_add_up() -> None:
    assert stages([{"decode": 10, "recognition": 100}, {"decode": 20}]).splitlines()[2] == "| 15 | 50 | 65 |"


def test_every_engine_is_found_by_its_name_and_ours_is_first() -> None:
    assert [engine_named(engine.name) for engine in ENGINES] == list(ENGINES)
    assert ENGINES[0].requirements == ()
