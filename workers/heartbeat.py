"""Keeps a job ours while its pages are read: renews its lease, notices cancel and stuck pages."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

import structlog

from producer.backends.redis_jobs import RedisJobStore
from producer.contract.errors import Unavailable
from producer.contract.leases import Lease, LeaseState
from workers.settings import HEARTBEAT_S, LEASE_S

_log = structlog.get_logger(__name__)


class Heartbeat:
    """A thread beside the pages of one job; `state` tells the page loop whether to go on.

    A page that takes longer than `page_timeout_s` cannot be interrupted inside a runtime: `on_stuck(page)` is
    called in the heartbeat thread, and is expected to record the page as failed and end the process.
    """

    def __init__(
        self,
        jobs: RedisJobStore,
        lease: Lease,
        *,
        keep_message: Callable[[], None],
        page_timeout_s: float,
        on_stuck: Callable[[int], None],
    ) -> None:
        self._jobs = jobs
        self._lease = lease
        self._keep_message = keep_message
        self._page_timeout_s = page_timeout_s
        self._on_stuck = on_stuck
        self._page: tuple[int, float] | None = None  # number, monotonic start; replaced whole
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

    def begin_page(self, page: int) -> None:
        self._page = (page, time.monotonic())

    def end_page(self) -> None:
        self._page = None

    def _run(self) -> None:
        while not self._stop.wait(HEARTBEAT_S):
            page = self._page
            if page and time.monotonic() - page[1] > self._page_timeout_s:
                self._on_stuck(page[0])
            try:
                self.state = self._jobs.heartbeat(self._lease, lease_s=LEASE_S)
                self._keep_message()
            except Unavailable as error:
                # The lease runs out by itself if this lasts; until then the page may still be committed.
                _log.warning("heartbeat_missed", job_id=self._lease.job_id, reason=error.message)
            if self.state is LeaseState.STALE:
                return
