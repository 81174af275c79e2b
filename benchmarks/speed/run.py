"""One engine over a list of pages, in its own process: a line of JSON a page, then one about the process.

Run as a file by the Python of the engine's environment, where this repository is a path and not installed. It says
`ready` on standard output once it is warm, and starts when it is told to on standard input: several start together.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def main(arguments: argparse.Namespace) -> None:
    """Read every page of the listing once, after the first was read twice: cold and warm."""
    started, started_cpu = time.perf_counter(), time.process_time()
    from benchmarks.speed.engines import engine_named

    read = engine_named(arguments.engine).open(arguments.threads, arguments.weights)
    load_s, load_cpu_s = time.perf_counter() - started, time.process_time() - started_cpu
    pages = [Path(line) for line in arguments.listing.read_text(encoding="utf-8").splitlines()]
    first_s, warm_s = (_took(lambda: list(read(pages[:1]))) for _ in range(2))
    # The libraries' own prints go to the same place; only this line matters.
    sys.stdout.write("\nready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    start, cpu = time.monotonic(), time.process_time()
    rows = [{"image": str(page), "lines": lines} for page, lines in zip(pages, read(pages), strict=True)]
    summary = {
        "load_s": load_s,
        "load_cpu_s": load_cpu_s,
        "first_s": first_s,
        "warm_s": warm_s,
        "start_s": start,
        "end_s": time.monotonic(),
        "cpu_s": time.process_time() - cpu,
        # Kilobytes on Linux.
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    _write(arguments.out, [*rows, {"summary": summary}])


# Any: what JSON holds.
def _write(out: Path, rows: Sequence[dict[str, Any]]) -> None:
    with out.open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


def _took(work: Any) -> float:  # Any: a function without arguments whose result is not wanted
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    # The script's own folder would hide a library of the same name as one of its files.
    sys.path.remove(str(Path(__file__).resolve().parent))
    parser = argparse.ArgumentParser()
    parser.add_argument("engine")
    for name in ("--listing", "--out", "--weights"):
        parser.add_argument(name, type=Path, required=True)
    parser.add_argument("--threads", type=int, required=True)
    main(parser.parse_args())
