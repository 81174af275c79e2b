"""Mends what messages and workers lose: publishes open jobs and webhooks that the record says are due."""

from __future__ import annotations

import os
import socket
import threading

import structlog

from producer.backends.celery_queue import CeleryQueue
from producer.backends.redis_jobs import RedisJobStore
from producer.contract.errors import Unavailable

INTERVAL_S = 1.0
REPUBLISH_S = 30.0  # first repetition for a waiting job; doubles each time
_LEADER_LEASE_S = 5.0
_WEBHOOK_AGAIN_S = 10.0
_BATCH = 200
_log = structlog.get_logger(__name__)


class Reconciler:
    """One step looks at everything that is due. Any number may run; one leads, and two at once do no harm."""

    def __init__(self, jobs: RedisJobStore, queue: CeleryQueue) -> None:
        self._jobs = jobs
        self._queue = queue
        self._holder = f"{socket.gethostname()}/{os.getpid()}"

    def step(self) -> int:
        """Publish what is due; how many messages that were. Raises: Unavailable."""
        if not self._jobs.lead("reconciler", self._holder, lease_s=_LEADER_LEASE_S):
            return 0
        published = 0
        for job_id in self._jobs.due(limit=_BATCH):
            if job := self._jobs.revisit(job_id, interval_s=REPUBLISH_S):
                self._queue.publish(job.id, device=job.device, priority=job.priority)
                _log.info("job_republished", job_id=job.id, device=job.device)
                published += 1
        for job_id in self._jobs.due_webhooks(limit=_BATCH, again_s=_WEBHOOK_AGAIN_S):
            self._queue.publish_webhook(job_id)
            published += 1
        return published

    def run(self, stop: threading.Event) -> None:
        """Step until told to stop. Runs in a thread of the io worker's main process."""
        while not stop.wait(INTERVAL_S):
            try:
                self.step()
            except Unavailable as error:
                _log.warning("reconciler_waits", reason=error.message)
