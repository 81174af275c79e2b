"""`python -m benchmarks.sizing`: what jobs and pages cost Redis and the object store, as a table and as JSON."""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

from benchmarks.queue.record import measure_depths
from benchmarks.sizing.measure import Cost, measure_costs
from benchmarks.sizing.objects import measure_objects
from tests.servers.redis import redis_server


def main() -> None:
    """Measure, print, and write the figures beside the other results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=200, help="One-page jobs")
    parser.add_argument("--documents", type=int, default=3, help="Documents of 100 pages")
    parser.add_argument("--waiting", type=int, default=10_000, help="Jobs that wait, for the memory of one")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/sizing.json"))
    options = parser.parse_args()
    with redis_server() as server, tempfile.TemporaryDirectory() as folder:
        objects = measure_objects(server.url, Path(folder))
    with redis_server(fsync="everysec") as server, tempfile.TemporaryDirectory() as folder:
        costs = measure_costs(server, Path(folder), jobs=options.jobs, documents=options.documents)
    with redis_server() as server:
        waiting = round(measure_depths(server.url, [options.waiting])[0].bytes_a_job)
    _show(costs, objects, waiting=waiting)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    figures = {
        "costs": {name: cost.as_dict() for name, cost in costs.items()},
        "object_bytes_a_page": objects,
        "waiting_job_bytes": waiting,
    }
    options.out.write_text(json.dumps(figures, indent=2) + "\n")


def _show(costs: dict[str, Cost], objects: dict[str, int], *, waiting: int) -> None:
    columns = ("redis_calls", "redis_calls_in_scripts", "redis_processor_ms", "redis_in_bytes", "redis_out_bytes")
    more = ("redis_log_bytes", "redis_memory_bytes")
    print(f"{'':>24} {'calls':>8} {'in Lua':>8} {'ms':>8} {'B in':>8} {'B out':>8} {'B log':>8} {'B kept':>8}  S3")
    for name, cost in costs.items():
        numbers = " ".join(f"{getattr(cost, column):>8.1f}" for column in columns + more)
        print(f"{name:>24} {numbers}  { ({key: round(value, 1) for key, value in cost.s3_requests.items()}) }")
    print(f"bytes of objects a page: {objects}")
    print(f"bytes of a waiting job: {waiting}")


if __name__ == "__main__":
    main()
