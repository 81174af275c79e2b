"""Mends what messages and workers lose: rings for waiting work, takes back dead leases, sweeps."""

from __future__ import annotations

import structlog

from producer.contract.ports import JobStore, Queue
from workers.process_name import process_name
from workers.sweep import Sweep

_LEADER_LEASE_S = 5.0
_BATCH = 200
_log = structlog.get_logger(__name__)


class Reconciler:
    """One step looks at everything that is due. Any number may run; one leads, and two at once do no harm."""

    def __init__(self, store: JobStore, queue: Queue, sweep: Sweep) -> None:
        self._upkeep = store.upkeep
        self._queue = queue
        self._sweep = sweep
        self._holder = process_name()

    def step(self) -> int:
        """Mend what is due; how many things that were. Raises: Unavailable."""
        if not self._upkeep.lead("reconciler", self._holder, lease_s=_LEADER_LEASE_S):
            return 0
        return self._take_back() + self._ring() + self._sweep.step()

    def _take_back(self) -> int:
        """Units whose worker is dead or whose delay is over are offered again; jobs past their time expire."""
        due = self._upkeep.due(limit=_BATCH)
        for one in due:
            queue = self._upkeep.revisit(one)
            _log.info("revisited", due=one, queue=queue)
        return len(due)

    def _ring(self) -> int:
        """A ring may be lost with the worker that heard it: there must be one wherever work waits."""
        backlog = self._upkeep.backlog()
        for queue in backlog:
            self._queue.ring(queue)
        return len(backlog)
