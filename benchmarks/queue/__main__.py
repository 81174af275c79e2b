"""`python -m benchmarks.queue`: what queue, record and store cost, as tables."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from benchmarks.queue.overhead import Overhead, measure_overhead
from benchmarks.queue.record import Depth, measure_depths
from tests.servers.redis import redis_server


def main() -> None:
    """Measure, print, and write the figures beside the other results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--depths", default="10,1000,10000,50000", help="Queued jobs at which the record is measured")
    parser.add_argument("--jobs", type=int, default=300, help="One-page jobs through a real worker")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/queue.json"))
    options = parser.parse_args()
    with redis_server() as server:
        depths = measure_depths(server.url, [int(depth) for depth in options.depths.split(",")])
    with redis_server(fsync="always") as server, tempfile.TemporaryDirectory() as folder:
        overhead = measure_overhead(server.url, Path(folder), jobs=options.jobs)
    _show(depths, overhead)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    figures = {"depths": [depth.as_dict() for depth in depths], "overhead": overhead.as_dict()}
    options.out.write_text(json.dumps(figures, indent=2) + "\n")


def _show(depths: list[Depth], overhead: Overhead) -> None:
    lines = [f"{'queued jobs':>12} {'submit ms p50/p99':>20} {'claim ms p50/p99':>20} {'bytes a job':>12}"]
    for depth in depths:
        submit = f"{depth.submit_p50_ms:.2f} / {depth.submit_p99_ms:.2f}"
        claim = f"{depth.claim_p50_ms:.2f} / {depth.claim_p99_ms:.2f}"
        lines.append(f"{depth.jobs:>12} {submit:>20} {claim:>20} {depth.bytes_a_job:>12.0f}")
    sys.stdout.write("\n".join([*lines, *overhead.lines()]) + "\n")


if __name__ == "__main__":
    main()
