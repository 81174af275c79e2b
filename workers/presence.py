"""A worker's place in the fleet: what it is at, how fast it reads and what it holds, told to the store in time."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import psutil
import structlog

from producer.contract.errors import Unavailable
from producer.contract.fleet import WorkerReport, WorkerState
from producer.contract.measures import PAGE_SECONDS, UNIT_PAGES
from producer.contract.names import kind_of
from producer.contract.ports import Fleet

_MISSED_BEATS = 4  # after so many a worker is no more counted among the fleet
_NEW_SHARE = 0.3  # of the last unit in the measured speed: half of it is of the last two
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Now:
    """What the worker is at; replaced whole, because the thread that tells reads it while work goes on."""

    device: str
    state: WorkerState = WorkerState.STARTING
    runtime: str = ""
    pages: int = 0
    pages_per_second: float = 0.0


class Presence:
    """Tells the store of this process, from before its models are loaded until it ends. Owned by a device child.

    Work is done in one thread; telling, in another, which never fails it: a store that is away is told later.
    """

    def __init__(self, fleet: Fleet, *, device: str, beat_s: float) -> None:
        """device: the one asked for, until `ready` says which it is."""
        self._fleet = fleet
        self._beat_s = beat_s
        self._now = _Now(device=device)
        self._host = socket.gethostname()
        self._process = psutil.Process()
        self._started_at = datetime.now(tz=UTC)
        self._changed = threading.Event()
        self._lock = threading.Lock()
        self._counted: Counter[str] = Counter()
        self._is_over = False
        self.is_leaving = False  # the node is asked to drain
        self._thread = threading.Thread(target=self._run, name="presence", daemon=True)

    @property
    def id(self) -> str:
        """The node's, a slash, and the process's own number."""
        return f"{self._host}/{os.getppid()}/{self._process.pid}"

    def start(self) -> None:
        self._thread.start()

    def ready(self, *, device: str, runtime: str) -> None:
        """The engine is loaded and warm: from now on the process takes work."""
        took_ms = int((datetime.now(tz=UTC) - self._started_at).total_seconds() * 1000)
        self._now = replace(self._now, device=device, runtime=runtime, state=WorkerState.READY)
        kind = kind_of(device)
        self._count({f"engine_starts|{kind}": 1, f"engine_start_ms|{kind}": took_ms})
        self._changed.set()

    @contextmanager
    def busy(self) -> Iterator[None]:
        """While a unit is worked on; its pages and its time are the speed of this worker."""
        before, began = self._now.pages, time.monotonic()
        self._now = replace(self._now, state=WorkerState.BUSY)
        try:
            yield
        finally:
            pages = self._now.pages - before
            speed = _speed(self._now.pages_per_second, pages, time.monotonic() - began)
            self._now = replace(self._now, state=WorkerState.READY, pages_per_second=speed)
            if pages:
                self._count(UNIT_PAGES.counted(kind_of(self._now.device), pages, units=pages))

    def page_read(self, timings_ms: Mapping[str, float]) -> None:
        """One more page, which took so long in each stage."""
        self._now = replace(self._now, pages=self._now.pages + 1)
        kind, total_ms = kind_of(self._now.device), sum(timings_ms.values())
        self._count({f"stage_ms|{kind}|{stage}": round(took_ms) for stage, took_ms in timings_ms.items()})
        self._count(PAGE_SECONDS.counted(kind, total_ms / 1000, units=round(total_ms)))

    def close(self) -> None:
        """Be no more of the fleet. Safe to repeat."""
        self._is_over = True
        self._changed.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._is_over:
            self._beat()
            if self._changed.wait(self._beat_s):
                self._changed.clear()
        self._beat()  # what was counted last
        try:
            self._fleet.leave(self.id)
        except Unavailable as error:
            _log.warning("leave_missed", reason=error.message)

    def _beat(self) -> None:
        with self._lock:
            counted, self._counted = self._counted, Counter()
        ttl_s = self._beat_s * _MISSED_BEATS
        try:
            self.is_leaving = not self._fleet.beat(self._report(), ttl_s=ttl_s, counted=counted)
        except Unavailable as error:
            self._count(counted)  # told later; a beat of which only the answer was lost counts twice
            _log.warning("beat_missed", reason=error.message)

    def _count(self, counted: Mapping[str, int]) -> None:
        with self._lock:
            self._counted.update(counted)

    def _report(self) -> WorkerReport:
        now = self._now
        return WorkerReport(
            id=self.id,
            host=self._host,
            pid=self._process.pid,
            device=now.device,
            kind=kind_of(now.device),
            state=WorkerState.DRAINING if self.is_leaving else now.state,
            runtime=now.runtime,
            pages_done=now.pages,
            pages_per_second=round(now.pages_per_second, 3),
            resident_bytes=self._process.memory_info().rss,
            started_at=self._started_at,
        )


def _speed(known: float, pages: int, took_s: float) -> float:
    """The speed after one more unit; one without pages, or in no time, says nothing."""
    if not pages or took_s <= 0:
        return known
    measured = pages / took_s
    return measured if not known else known + _NEW_SHARE * (measured - known)
