"""`python -m benchmarks.speed`: every engine that installs here on the same pages, in interleaved rounds.

Each peer has its own virtual environment under `--work`, made once. Results go to `--out`; pages are
drawn without `--data`.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import venv
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.accuracy.score import PageScore, SetScore, score_page, total_of
from benchmarks.dataset import Page, TextLine, load, polygon_of
from benchmarks.drawn import draw_pages
from benchmarks.speed import report
from benchmarks.speed.engines import ENGINES, Engine
from benchmarks.speed.report import Measured, Round

_RUN = Path(__file__).with_name("run.py")
_SHORT_PAGES, _SHORT_ROUNDS, _FULL_ROUNDS, _DRAWN_PAGES = 12, 2, 3, 20
# An engine that takes longer for its pages has hung.
_ROUND_TIMEOUT_S = 3600

# Any: one line of JSON that `run.py` wrote.
_Row = dict[str, Any]


def main() -> None:
    """Measure, print the table and write the results."""
    arguments = _arguments()
    data = arguments.data or draw_pages(arguments.work / "drawn", _DRAWN_PAGES)
    pages = [page for page in load(data, sets=arguments.sets) if page.has_truth]
    if not arguments.full:
        pages = _evenly(pages, _SHORT_PAGES)
    listing = arguments.work / "pages.txt"
    listing.write_text("\n".join(str(page.path.resolve()) for page in pages) + "\n", encoding="utf-8")
    chosen = [one for one in ENGINES if (arguments.full or not one.only_full)]
    pythons, failed = _environments(chosen, arguments.work)
    rows: dict[str, list[list[_Row]]] = defaultdict(list)
    for number in range(arguments.rounds or (_FULL_ROUNDS if arguments.full else _SHORT_ROUNDS)):
        # Every other round goes backwards, so that a machine that slows down slows both ends.
        for engine in chosen if number % 2 == 0 else chosen[::-1]:
            if engine.name not in failed:
                _run(engine, pythons[engine.name], listing, arguments, rows, failed)
    measured = [_measured(one, rows[one.name], pages) for one in chosen if one.name not in failed]
    title = f"Speed on {len(pages)} {'drawn' if arguments.data is None else 'given'} pages, {arguments.threads} threads"
    profile = report.stages(_stages(pages, arguments.threads))
    report.write(arguments.out, title=title, measured=measured, failed=failed, profile=profile)
    sys.stdout.write((arguments.out / "speed.md").read_text(encoding="utf-8"))


def _environments(engines: Sequence[Engine], work: Path) -> tuple[dict[str, Path], dict[str, str]]:
    """The Python of every engine, and why the others have none."""
    pythons: dict[str, Path] = {}
    failed: dict[str, str] = {}
    for engine in engines:
        if not engine.requirements:
            pythons[engine.name] = Path(sys.executable)
            continue
        folder = work / ("venv-" + engine.requirements[0].replace("==", "-"))
        python = folder / "bin" / "python"
        if not (folder / "ready").exists():
            venv.create(folder, with_pip=True, clear=True)
            install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", *engine.requirements]
            made = subprocess.run([str(python), *install], capture_output=True, text=True, check=False)
            if made.returncode != 0:
                failed[engine.name] = f"pip could not install {' '.join(engine.requirements)}"
                continue
            (folder / "ready").touch()
        pythons[engine.name] = python
    return pythons, failed


def _run(
    engine: Engine,
    python: Path,
    listing: Path,
    arguments: argparse.Namespace,
    rows: dict[str, list[list[_Row]]],
    failed: dict[str, str],
) -> None:
    """One round of one engine; a failure is noted and ends its measurement."""
    out = arguments.work / "round.jsonl"
    parts = (python, _RUN, engine.name, arguments.threads, listing.resolve(), out.resolve())
    command = [str(part) for part in parts]
    done = subprocess.run(
        command, cwd=arguments.work, capture_output=True, text=True, check=False, timeout=_ROUND_TIMEOUT_S
    )
    if done.returncode != 0:
        failed[engine.name] = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        return
    rows[engine.name].append([json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()])
    sys.stderr.write(f"{engine.name}: {rows[engine.name][-1][-1]['summary']['wall_s']:.1f} s\n")


def _measured(engine: Engine, rounds: Sequence[Sequence[_Row]], pages: Sequence[Page]) -> Measured:
    summaries = [rows[-1]["summary"] for rows in rounds]
    return Measured(
        name=engine.name,
        weights=engine.weights,
        rounds=tuple(Round(pages=len(pages), **summary) for summary in summaries),
        scores=_scores(pages, rounds[0][:-1]),
    )


def _scores(pages: Sequence[Page], rows: Sequence[_Row]) -> Mapping[str, SetScore]:
    by_set: dict[str, list[PageScore]] = defaultdict(list)
    for page, row in zip(pages, rows, strict=True):
        lines = [TextLine(text=line["text"], polygon=polygon_of(line["poly"])) for line in row["lines"]]
        by_set[page.group].append(score_page(page, lines))
    return {name: total_of(scores) for name, scores in by_set.items()}


def _stages(pages: Sequence[Page], threads: int) -> list[dict[str, float]]:
    from ocr_engine import OCREngine

    with OCREngine(cpu_threads=threads) as engine:
        engine.predict(pages[0].path)
        return [result.timings_ms for page in pages for result in engine.predict(page.path)]


def _evenly(pages: Sequence[Page], count: int) -> list[Page]:
    """About `count` pages, evenly from every set."""
    if len(pages) <= count:
        return list(pages)
    return [pages[at * len(pages) // count] for at in range(count)]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks.speed")
    parser.add_argument("--data", type=Path, help="folder of sets of pages; default: drawn ones")
    parser.add_argument("--sets", nargs="*", default=(), help="only these sets")
    parser.add_argument("--full", action="store_true", help="every page and every engine")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--work", type=Path, default=Path("build/speed"))
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    return arguments


if __name__ == "__main__":
    main()
