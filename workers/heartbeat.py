"""Keeps a unit ours while its pages are read: renews its lease, notices cancel, stuck pages and lack of memory."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import psutil
import structlog

from producer.contract.errors import Unavailable
from producer.contract.jobs import JobError
from producer.contract.leases import Lease, LeaseState
from producer.contract.ports import Leases
from workers.failpoints import reach

_WATCH_S = 0.2  # how often time and memory are looked at; a page can eat a gigabyte in a second
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class LeaseTimes:
    """How long a unit is ours without a word, and how often we say one."""

    lease_s: float
    heartbeat_s: float


@dataclass(frozen=True, kw_only=True, slots=True)
class PageBounds:
    """What one page may take before its process is ended: seconds, and bytes of resident memory of the process.

    load_s: what the models of a job may take before its first page.
    """

    timeout_s: float
    memory_bytes: int
    load_s: float


class Heartbeat:
    """A thread beside the pages of one unit; `state` tells the page loop whether to go on.

    A runtime's call cannot be interrupted from Python: when a page breaks its bounds, `on_stuck(page, why)` is called
    in the heartbeat thread and is expected to give the unit back and end the process.
    """

    def __init__(
        self,
        leases: Leases,
        lease: Lease,
        *,
        keep_message: Callable[[], None],
        times: LeaseTimes,
        bounds: PageBounds,
        on_stuck: Callable[[int, JobError], None],
    ) -> None:
        self._leases = leases
        self._lease = lease
        self._keep_message = keep_message
        self._times = times
        self._bounds = bounds
        self._on_stuck = on_stuck
        self._page: tuple[int, float] | None = None  # number, monotonic start; replaced whole
        self._process = psutil.Process()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"heartbeat-{lease.job_id}", daemon=True)
        self.state = LeaseState.HELD

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    @property
    def page(self) -> int:
        """The page that is being read; 0: none, or models are being loaded."""
        page = self._page
        return page[0] if page else 0

    def begin_loading(self) -> None:
        """As page 0, with a time of its own."""
        self.begin_page(0)

    def begin_page(self, page: int) -> None:
        self._page = (page, time.monotonic())

    def end_page(self) -> None:
        self._page = None

    def _run(self) -> None:
        renew_at = time.monotonic() + self._times.heartbeat_s
        while not self._stop.wait(_WATCH_S):
            self._watch()
            if time.monotonic() < renew_at:
                continue
            reach("heartbeat")
            renew_at = time.monotonic() + self._times.heartbeat_s
            try:
                self.state = self._leases.heartbeat(self._lease, lease_s=self._times.lease_s).state
                self._keep_message()
            except Unavailable as error:
                # The lease runs out by itself if this lasts; until then the page may still be committed.
                _log.warning("heartbeat_missed", job_id=self._lease.job_id, reason=error.message)
            if self.state is LeaseState.STALE:
                return

    def _watch(self) -> None:
        at, bounds = self._page, self._bounds
        if at is None:
            return
        page, began_s = at
        took_s = time.monotonic() - began_s
        if page and took_s > bounds.timeout_s:
            message = f"the page took longer than {bounds.timeout_s:g} s; raise OCRFLEET_PAGE_TIMEOUT_S"
            self._on_stuck(page, JobError(code="page_timeout", message=message, retryable=True))
        if not page and took_s > bounds.load_s:
            message = f"models took longer than {bounds.load_s:g} s to load; raise OCRFLEET_WORKER_START_S"
            self._on_stuck(page, JobError(code="model_unavailable", message=message, retryable=True))
        if self._process.memory_info().rss > bounds.memory_bytes:
            limit = f"{bounds.memory_bytes >> 20} MiB"
            what, instead = ("the page", "send it smaller") if page else ("the job's models", "choose others")
            message = f"{what} needed more than {limit}; raise OCRFLEET_WORKER_MEMORY_LIMIT_MIB, or {instead}"
            self._on_stuck(page, JobError(code="out_of_memory", message=message, retryable=True))
