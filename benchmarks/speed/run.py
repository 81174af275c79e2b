"""One engine over a list of pages, in its own process: a line of JSON a page, then one about the process.

Run as a file by the Python of the engine's environment, where this repository is a path and not installed.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path


def main(name: str, threads: int, listing: Path, out: Path) -> None:
    """Read every page of the listing once, after the first was read as a warm-up."""
    started = time.perf_counter()
    from benchmarks.speed.engines import engine_named

    read = engine_named(name).open(threads)
    load_s = time.perf_counter() - started
    pages = [Path(line) for line in listing.read_text(encoding="utf-8").splitlines()]
    first_started = time.perf_counter()
    read(pages[0])
    first_s = time.perf_counter() - first_started
    wall, cpu = time.perf_counter(), time.process_time()
    rows = []
    for page in pages:
        page_started = time.perf_counter()
        lines = read(page)
        rows.append({"image": str(page), "lines": lines, "ms": (time.perf_counter() - page_started) * 1000.0})
    summary = {
        "load_s": load_s,
        "first_s": first_s,
        "wall_s": time.perf_counter() - wall,
        "cpu_s": time.process_time() - cpu,
        # Kilobytes on Linux.
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    with out.open("w", encoding="utf-8") as file:
        for row in [*rows, {"summary": summary}]:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    # The script's own folder would hide a library of the same name as one of its files.
    sys.path.remove(str(Path(__file__).resolve().parent))
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]), Path(sys.argv[4]))
