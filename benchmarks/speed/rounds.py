"""One round of one engine: its processes started, told to begin together, and what they measured."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.dataset import TextLine, polygon_of
from benchmarks.speed.comparisons import Mode

_RUN = Path(__file__).with_name("run.py")
# An engine that takes longer for its pages has hung.
_ROUND_TIMEOUT_S = 3600

# Any: one line of JSON that `run.py` wrote.
_Row = dict[str, Any]


class EngineFailed(Exception):
    """A process of an engine ended with an error; the message is the last line that it wrote."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """What runs: an engine by its name, on the Python of its environment, over pages."""

    engine: str
    python: Path
    weights: Path
    pages: tuple[Path, ...]
    mode: Mode
    folder: Path


@dataclass(frozen=True, kw_only=True, slots=True)
class Round:
    """One engine over all pages once, as its processes measured themselves: sums, but the slowest of the times.

    pages_per_s: as with a full queue: each process by its own time, so that no heavy page at the end counts.
    load_s: import, weights and warm-up; first_s, warm_s: the first page, and the same one again.
    """

    pages: int
    pages_per_s: float
    cpu_s: float
    peak_mb: float
    load_s: float
    load_cpu_s: float
    first_s: float
    warm_s: float


def run_round(job: Job) -> tuple[Round, dict[Path, list[TextLine]]]:
    """Run the engine once; the lines by page. Raises: EngineFailed."""
    parts = [job.pages] if job.mode is Mode.ONE else [job.pages[0::2], job.pages[1::2]]
    running = [_Process(job, at, part) for at, part in enumerate(parts)]
    try:
        for process in running:
            process.wait_until_ready()
        for process in running:
            process.begin()
        written = [process.rows() for process in running]
    finally:
        for process in running:
            process.end()
    lines = {Path(row["image"]): [_line(line) for line in row["lines"]] for rows in written for row in rows[:-1]}
    return _summed([rows[-1]["summary"] for rows in written], [len(part) for part in parts]), lines


class _Process:
    """One process over its part of the pages; its pipes are plain descriptors."""

    def __init__(self, job: Job, at: int, pages: Sequence[Path]) -> None:
        self._out = job.folder / f"lines{at}.jsonl"
        self._errors = job.folder / f"errors{at}.txt"
        listing = job.folder / f"pages{at}.txt"
        listing.write_text("".join(f"{page.resolve()}\n" for page in pages), encoding="utf-8")
        threads = 2 if job.mode is Mode.ONE else 1
        command = [str(job.python), str(_RUN), job.engine, "--threads", str(threads)]
        for name, path in (("listing", listing), ("out", self._out), ("weights", job.weights)):
            command += [f"--{name}", str(path.resolve())]
        # Libraries that do not take a number of threads from their caller take it from here.
        limits = {name: str(threads) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS")}
        go, self._go = os.pipe()
        self._ready, ready = os.pipe()
        with self._errors.open("w", encoding="utf-8") as errors:
            self._popen = subprocess.Popen(
                command, cwd=job.folder, env={**os.environ, **limits}, stdin=go, stdout=ready, stderr=errors
            )
        os.close(go)
        os.close(ready)
        if job.mode is Mode.PAIR and hasattr(os, "sched_setaffinity"):
            allowed = sorted(os.sched_getaffinity(0))
            os.sched_setaffinity(self._popen.pid, {allowed[at % len(allowed)]})

    def wait_until_ready(self) -> None:
        """Raises: EngineFailed."""
        with os.fdopen(os.dup(self._ready), encoding="utf-8", errors="replace") as said:
            if not any(line == "ready\n" for line in said):
                self._fail()

    def begin(self) -> None:
        os.write(self._go, b"go\n")

    def rows(self) -> list[_Row]:
        """What it wrote, once it is done. Raises: EngineFailed."""
        if self._popen.wait(timeout=_ROUND_TIMEOUT_S) != 0:
            self._fail()
        return [json.loads(line) for line in self._out.read_text(encoding="utf-8").splitlines()]

    def end(self) -> None:
        self._popen.kill()
        self._popen.wait()
        os.close(self._go)
        os.close(self._ready)

    def _fail(self) -> None:
        raise EngineFailed((self._errors.read_text(encoding="utf-8").strip().splitlines() or ["it said nothing"])[-1])


def _summed(summaries: Sequence[_Row], pages: Sequence[int]) -> Round:
    walls = [one["end_s"] - one["start_s"] for one in summaries]
    slowest = {name: max(one[name] for one in summaries) for name in ("load_s", "load_cpu_s", "first_s", "warm_s")}
    return Round(
        pages=sum(pages),
        pages_per_s=sum(count / wall for count, wall in zip(pages, walls, strict=True)),
        cpu_s=sum(one["cpu_s"] for one in summaries),
        peak_mb=sum(one["peak_mb"] for one in summaries),
        **slowest,
    )


def _line(line: _Row) -> TextLine:
    return TextLine(text=line["text"], polygon=polygon_of(line["poly"]))
