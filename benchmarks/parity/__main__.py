"""`python -m benchmarks.parity`: the reference and ours on the same pages, the table, and every difference.

Run by the reference's environment. Ours is read there, with the same OpenCV, and by every other Python that `--also`
names, with the OpenCV that this has. Exit code 1: less than 99.5 % of the lines of images have the same box, text and
score. PDFs are rendered by each side's own library: a row of their own, without a promise.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.dataset import Page, load
from benchmarks.drawn import draw_pages
from benchmarks.parity.cases import CASES, Case, case_named
from benchmarks.parity.compare import Comparison, compare_pages
from benchmarks.parity.readers import OURS, PADDLEX, REFERENCE
from benchmarks.parity.report import Total, differences, table, total_of

_DRAWN_PAGES = 40


@dataclass(frozen=True, kw_only=True, slots=True)
class _Reading:
    """What one side made of every page, and with which OpenCV."""

    opencv: str
    # Any: `res` objects, as JSON holds them.
    pages: Mapping[str, list[dict[str, Any]]]


def main() -> None:
    """Print the table; exit with 1 when a promise is broken."""
    arguments = _arguments()
    arguments.work.mkdir(parents=True, exist_ok=True)
    data = arguments.data or draw_pages(arguments.work / "drawn", arguments.drawn)
    pages = load(data, sets=arguments.sets)
    rows: dict[str, Total] = {}
    lists: dict[str, list[Comparison]] = {}
    for case in map(case_named, arguments.cases):
        reference = _read(sys.executable, REFERENCE, case, data, arguments)
        for side, python in _others(case, arguments):
            ours = _read(python, side, case, data, arguments)
            for kind, found in _compared(pages, reference, ours):
                name = f"{case.name}, {side} with OpenCV {ours.opencv}, {kind}"
                lists[name], rows[name] = found, total_of(found)
    for name, found in lists.items():
        sys.stdout.write("\n".join([name, *differences(found), ""]) + "\n")
    sys.stdout.write("\n".join(table(rows)) + "\n")
    if not all(total.is_kept for name, total in rows.items() if not name.endswith("PDF")):
        sys.exit("parity: less than 99.5 % of the lines agree; the differences are listed above")


def _others(case: Case, arguments: argparse.Namespace) -> Iterator[tuple[str, str]]:
    """Side and Python of every reading that is compared with the reference; Paddle is in its environment alone."""
    yield OURS, sys.executable
    if case.engine != "paddle":
        yield from ((OURS, python) for python in arguments.also)
    if arguments.paddlex:
        yield PADDLEX, sys.executable


def _compared(pages: list[Page], reference: _Reading, ours: _Reading) -> Iterator[tuple[str, list[Comparison]]]:
    for kind, is_pdf in (("images", False), ("PDF", True)):
        found = [
            one
            for page in pages
            if page.is_pdf == is_pdf
            for one in compare_pages(page.name, reference.pages[page.name], ours.pages[page.name])
        ]
        if found:
            yield kind, found


def _read(python: str, side: str, case: Case, data: Path, arguments: argparse.Namespace) -> _Reading:
    """Have one side read every page, in a process of its own: a library keeps what another has set."""
    options, out = arguments.work / f"{case.name}.json", arguments.work / f"{case.name}.{side}.jsonl"
    options.write_text(json.dumps(case.options(arguments.work.resolve() / "models")), encoding="utf-8")
    command = [python, "-m", "benchmarks.parity.read", side, str(options), str(out), "--data", str(data)]
    command += ["--profile", case.profile, *(["--sets", *arguments.sets] if arguments.sets else [])]
    log = out.with_suffix(".log")
    with log.open("w", encoding="utf-8") as file:
        done = subprocess.run(command, stdout=file, stderr=subprocess.STDOUT, check=False)
    if done.returncode != 0:
        sys.exit(f"parity: {side} failed on {case.name}:\n{log.read_text(encoding='utf-8')[-3000:]}")
    rows = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    return _Reading(opencv=rows[0]["opencv"], pages={row["page"]: row["pages"] for row in rows})


def _arguments() -> argparse.Namespace:
    names = [case.name for case in CASES]
    parser = argparse.ArgumentParser(prog="benchmarks.parity", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, help="a folder of sets, see benchmarks.dataset; default: drawn pages")
    parser.add_argument("--sets", nargs="*", default=(), help="only these sets")
    parser.add_argument("--cases", nargs="*", default=names, choices=names)
    parser.add_argument(
        "--also", nargs="*", default=(), metavar="PYTHON", help="other environments that read with ours"
    )
    parser.add_argument("--drawn", type=int, default=_DRAWN_PAGES, help="how many pages are drawn without --data")
    parser.add_argument("--paddlex", action="store_true", help="compare engine='paddlex' too")
    parser.add_argument("--work", type=Path, default=Path("build/parity"), help="where models and readings are put")
    return parser.parse_args()


if __name__ == "__main__":
    main()
