"""The figures of the sizing document, worked out from a run of the benchmark: tables in Markdown."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

WORKERS = 1_000
PAGES_A_DAY = 10_000_000
DAY_S = 86_400
KEPT_DAYS = (1, 7)  # the second is the default of OCRFLEET_RESULT_TTL_S
_ROWS = (
    ("one_page_job", "a job of one page"),
    ("hundred_page_job", "a job of 100 pages"),
    ("idle_redis_second", "Redis alone, a second"),
    ("idle_worker_second", "a worker process without work, a second"),
    ("idle_io_second", "an io worker, a second"),
)


def tables(path: Path) -> tuple[str, str, str]:
    """What things cost; what a fleet of WORKERS with PAGES_A_DAY makes of it; how large objects are."""
    figures = json.loads(path.read_text())
    fleet = _fleet(figures["costs"], waiting_bytes=figures["waiting_job_bytes"])
    return _costs(figures["costs"]), fleet, _objects(figures["object_bytes_a_page"])


def _costs(costs: Mapping[str, Any]) -> str:  # Any: JSON
    head = ("", "calls", "in scripts", "processor ms", "kB in", "kB out", "kB log", "bytes kept", "PUT", "GET", "LIST")
    rows = []
    for key, name in _ROWS:
        one = costs[key]
        is_idle = key.startswith("idle")
        kept = "" if is_idle else f"{one['redis_memory_bytes']:,.0f}"
        requests = [_number(one["s3_requests"].get(method, 0)) for method in ("PUT", "GET", "LIST")]
        rows.append(
            (
                name,
                *(_number(one[f"redis_{column}"]) for column in ("calls", "calls_in_scripts", "processor_ms")),
                *(_number(one[f"redis_{column}_bytes"] / 1000) for column in ("in", "out", "log")),
                kept,
                *(("", "", "") if is_idle else requests),
            )
        )
    return _table(head, rows)


def _fleet(costs: Mapping[str, Any], *, waiting_bytes: int) -> str:
    """The work of the pages and the murmur of the workers, a second, for documents of one page and of 100."""
    head = ("10 million pages a day, 1,000 workers", "as jobs of one page", "as jobs of 100 pages")
    shapes = [(costs["one_page_job"], PAGES_A_DAY), (costs["hundred_page_job"], PAGES_A_DAY / 100)]
    alone, idle, io = (costs[f"idle_{part}_second"] for part in ("redis", "worker", "io"))

    def a_second(column: str) -> list[float]:
        murmur = alone[column] + WORKERS * idle[column] + io[column]
        return [job[column] * jobs / DAY_S + murmur for job, jobs in shapes]

    rows = [
        ("jobs a second", *(f"{jobs / DAY_S:,.1f}" for _, jobs in shapes)),
        ("Redis calls a second", *(f"{value:,.0f}" for value in a_second("redis_calls"))),
        ("Redis processor, of one core", *(f"{value / 1000:.0%}" for value in a_second("redis_processor_ms"))),
        ("to Redis, Mbit/s", *(_number(value * 8 / 1e6) for value in a_second("redis_in_bytes"))),
        ("from Redis, Mbit/s", *(_number(value * 8 / 1e6) for value in a_second("redis_out_bytes"))),
        (
            "append-only file, GB a day before it is rewritten",
            *(_number(value * DAY_S / 1e9) for value in a_second("redis_log_bytes")),
        ),
    ]
    for days in KEPT_DAYS:
        kept = [_number(job["redis_memory_bytes"] * jobs * days / 1e9) for job, jobs in shapes]
        rows.append((f"Redis memory, GB, with ended jobs kept {days} d", *kept))
    queued = [_number(waiting_bytes * jobs / 24 / 1e9) for _, jobs in shapes]
    rows.append(("Redis memory, GB, with an hour's jobs waiting", *queued))
    for method in ("PUT", "GET"):
        asked = [_number(job["s3_requests"].get(method, 0) * jobs / DAY_S) for job, jobs in shapes]
        rows.append((f"{method} requests of the object store a second", *asked))
    return _table(head, rows)


def _objects(sizes: Mapping[str, int]) -> str:
    names = {
        "input": "the document",
        "pages": "JSON of a page",
        "images": "pictures of a page",
        "result.json": "`result.json`",
        "manifest.json": "manifest",
    }
    scale = PAGES_A_DAY / DAY_S * 8 / 1e6
    rows = [(name, f"{sizes[kind] / 1000:,.1f}", _number(sizes[kind] * scale)) for kind, name in names.items()]
    return _table((f"of {sizes['read']} drawn pages", "kB a page", "Mbit/s at 10 million pages a day"), rows)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 1 else f"{value:.2f}"


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"
