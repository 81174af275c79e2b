"""`python -m benchmarks.speed`: every engine that installs here on the same pages, in interleaved rounds.

Each peer has its own virtual environment under `--work`, made once. Results go to `--out`; pages are
drawn without `--data`.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.accuracy.score import PageScore, SetScore, score_page, total_of
from benchmarks.dataset import Page, TextLine, load
from benchmarks.drawn import draw_pages
from benchmarks.speed import report
from benchmarks.speed.comparisons import COMPARISONS, Comparison, Mode
from benchmarks.speed.engines import ENGINES, Engine, engine_named
from benchmarks.speed.environments import NotInstalled, python_of, shared_weights
from benchmarks.speed.report import Measured, Table
from benchmarks.speed.rounds import EngineFailed, Job, Round, run_round
from benchmarks.speed.stages import measure_long_document, profile_stages

_SHORT_PAGES, _SHORT_ROUNDS, _FULL_ROUNDS, _DRAWN_PAGES = 5, 2, 3, 20
# Pages of a short document and of a long one.
_DOCUMENTS, _FULL_DOCUMENTS = (5, 10), (10, 500)
# Peers do not turn pages. `make accuracy` reads these.
_LEFT_OUT = ("rotated",)

_Lines = Mapping[Path, Sequence[TextLine]]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Lane:
    """One engine in one mode over some pages: what it takes to run a round, and what the rounds gave."""

    engine: Engine
    mode: Mode
    pages: tuple[Page, ...]
    rounds: list[tuple[Round, _Lines]] = field(default_factory=list)


def main() -> None:
    """Measure, print the tables and write the results."""
    arguments = _arguments()
    data = arguments.data or draw_pages(arguments.work / "drawn", _DRAWN_PAGES)
    pages = [page for page in load(data, sets=arguments.sets) if page.has_truth and page.group not in _LEFT_OUT]
    if not arguments.full:
        pages = _evenly(pages, _SHORT_PAGES)
    failed: dict[str, str] = {}
    lanes = _lanes(pages, full=arguments.full)
    for number in range(arguments.rounds or (_FULL_ROUNDS if arguments.full else _SHORT_ROUNDS)):
        # Every other round goes backwards, so that a machine that slows down slows both ends.
        for lane in list(lanes.values())[:: 1 if number % 2 == 0 else -1]:
            if lane.engine.name not in failed:
                _run(lane, arguments, failed)
    short, long = _FULL_DOCUMENTS if arguments.full else _DOCUMENTS
    tables = [_table(one, lanes, failed) for one in COMPARISONS]
    kind = "drawn" if arguments.data is None else "given"
    report.write(
        arguments.out / f"{kind}{'-full' if arguments.full else ''}",
        title=f"Speed on {len(pages)} {kind} pages",
        tables=tables,
        profile=profile_stages([page.path for page in pages]),
        long=measure_long_document([page.path for page in _evenly(pages, short)], arguments.work, long_pages=long),
    )
    for one in tables:
        sys.stdout.write(f"\n{one.comparison.title}: {one.comparison.mode.value}\n\n{report.table(one)}")


def _lanes(pages: Sequence[Page], *, full: bool) -> dict[tuple[str, Mode], _Lane]:
    """What has to run for the comparisons: an engine that stands in several tables runs once."""
    lanes: dict[tuple[str, Mode], _Lane] = {}
    for one in COMPARISONS:
        for name in one.engines:
            engine = engine_named(name)
            if full or not engine.only_full:
                lane = _Lane(engine=engine, mode=one.mode, pages=tuple(pages[:: one.every]))
                lanes.setdefault((name, one.mode), lane)
    return lanes


def _run(lane: _Lane, arguments: argparse.Namespace, failed: dict[str, str]) -> None:
    """One round of one lane; a failure is noted and ends the measurement of that engine."""
    try:
        job = Job(
            engine=lane.engine.name,
            python=python_of(lane.engine, arguments.work, arguments.reference),
            weights=shared_weights(arguments.work),
            pages=tuple(page.path.resolve() for page in lane.pages),
            mode=lane.mode,
            folder=arguments.work,
        )
        lane.rounds.append(run_round(job))
    except (EngineFailed, NotInstalled) as error:
        failed[lane.engine.name] = str(error)
        return
    done = lane.rounds[-1][0]
    sys.stderr.write(f"{lane.engine.name}, {lane.mode.value}: {done.pages_per_s:.2f} pages/s\n")


def _table(one: Comparison, lanes: Mapping[tuple[str, Mode], _Lane], failed: Mapping[str, str]) -> Table:
    found = [lanes[name, one.mode] for name in one.engines if (name, one.mode) in lanes and name not in failed]
    return Table(
        comparison=one,
        measured=tuple(_measured(lane) for lane in found),
        failed={name: failed[name] for name in one.engines if name in failed},
    )


def _measured(lane: _Lane) -> Measured:
    return Measured(
        name=lane.engine.name,
        weights=lane.engine.weights,
        rounds=tuple(done for done, _ in lane.rounds),
        scores=_scores(lane.pages, lane.rounds[0][1]),
        lines=lane.rounds[0][1],
    )


def _scores(pages: Sequence[Page], lines: _Lines) -> Mapping[str, SetScore]:
    by_set: dict[str, list[PageScore]] = defaultdict(list)
    for page in pages:
        by_set[page.group].append(score_page(page, lines[page.path.resolve()]))
    return {name: total_of(scores) for name, scores in by_set.items()}


def _evenly(pages: Sequence[Page], count: int) -> list[Page]:
    """About `count` pages, evenly from every set."""
    if len(pages) <= count:
        return list(pages)
    return [pages[at * len(pages) // count] for at in range(count)]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks.speed", epilog=f"Engines: {', '.join(e.name for e in ENGINES)}.")
    parser.add_argument("--data", type=Path, help="folder of sets of pages; default: drawn ones")
    parser.add_argument("--sets", nargs="*", default=(), help="only these sets")
    parser.add_argument("--full", action="store_true", help="every page and every engine")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--reference", type=Path, default=Path(".venv-paddle/bin/python"), help="PaddleOCR's Python")
    parser.add_argument("--work", type=Path, default=Path("build/speed"))
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    return arguments


if __name__ == "__main__":
    main()
