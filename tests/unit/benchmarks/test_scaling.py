"""What the scaling benchmark says of its figures, and of the machine."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from pathlib import Path

from benchmarks.scaling.figures import Figures, Strangers
from benchmarks.scaling.report import table


def figures(processes: int, pages_per_s: float) -> Figures:
    return Figures(processes=processes, pages_per_s=pages_per_s, processor_s_a_page=0.7, elsewhere_share=0.25)


def test_the_table_has_the_ratio_of_two_against_one(tmp_path: Path) -> None:
    pair = [asdict(figures(1, 1.25)), asdict(figures(2, 2.25))]
    path = tmp_path / "scaling.json"
    path.write_text(json.dumps({"pages_read": {"pdf": 100}, "engines": pair, "jobs": pair, "pdf": pair}))
    rows = table(path).splitlines()[2:]
    assert rows[-1] == "| one PDF of 100 pages | 1.25 | 2.25 | 1.80 | 0.700 / 0.700 | 0.000 / 0.000 | 25% / 25% |"
    assert [row.split(" | ")[3] for row in rows] == ["1.80"] * 3


def test_strangers_are_whoever_used_the_machine_and_is_not_ours() -> None:
    strangers = Strangers()
    began = time.process_time()
    while time.process_time() - began < 0.5:
        pass
    ours_s = time.process_time() - began
    assert strangers.share(0.0) > strangers.share(ours_s)
    assert strangers.share(1_000.0) == 0.0
