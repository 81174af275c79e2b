"""`python -m benchmarks.scaling`: the machine's ceiling, and what of it one-page jobs and a long PDF reach."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks.machine import machine
from benchmarks.scaling.ceiling import engines
from benchmarks.scaling.figures import QUIET_SHARE, Figures
from benchmarks.scaling.fleet import measured_fleet
from benchmarks.scaling.pages import file_of_pages, files_of_one_page
from benchmarks.scaling.report import table

_CEILING_PAGES, _WARM_UP_JOBS = 10, 6


def main() -> None:
    """Measure one process and then two; print, and write the figures beside the other results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=32, help="One-page jobs")
    parser.add_argument("--pages", type=int, default=100, help="Pages of the PDF")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/scaling.json"))
    options = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))[:2]
    if len(cores) < 2:
        raise SystemExit("two processes need two cores")
    measured = _measure(jobs=options.jobs, pages=options.pages, cores=cores)
    read = {"engines": _CEILING_PAGES, "jobs": options.jobs, "pdf": options.pages}
    written = {"machine": machine(), "pages_read": read} | {
        key: [asdict(one) for one in figures] for key, figures in measured.items()
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(written, indent=2) + "\n")
    print(table(options.out))
    taken = max(one.elsewhere_share for figures in measured.values() for one in figures)
    if taken > QUIET_SHARE:
        print(f"others took up to {taken:.0%} of this machine meanwhile: these ratios are not its own")


def _measure(*, jobs: int, pages: int, cores: Sequence[int]) -> Mapping[str, list[Figures]]:
    singles, document = files_of_one_page(max(jobs, _CEILING_PAGES)), file_of_pages(pages)
    found: dict[str, list[Figures]] = {"engines": [], "jobs": [], "pdf": []}
    for number in (1, 2):
        found["engines"].append(_told("engines", engines(singles[:_CEILING_PAGES], cores=cores[:number])))
    with measured_fleet() as fleet:
        for number, core in enumerate(cores, start=1):
            fleet.add_node(core)
            fleet.read(singles[: _WARM_UP_JOBS * number], pages=_WARM_UP_JOBS * number)
            found["jobs"].append(_told("jobs", fleet.read(singles[:jobs], pages=jobs)))
            found["pdf"].append(_told("pdf", fleet.read([document], pages=pages)))
    return found


def _told(what: str, figures: Figures) -> Figures:
    print(f"{what}, {figures.processes} process(es): {figures.pages_per_s:.2f} pages/s", flush=True)
    return figures


if __name__ == "__main__":
    main()
