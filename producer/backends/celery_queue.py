"""The queue in Celery on Redis: publishing job ids, and keeping a running message invisible to others."""

from __future__ import annotations

import time

import kombu.exceptions
import redis
from celery import Celery

from producer.contract import names
from producer.contract.errors import Unavailable
from producer.contract.jobs import Priority

KEY_PREFIX = "ocr:"  # kombu's keys, apart from the job store's
VISIBILITY_TIMEOUT_S = 120
# kombu's Redis transport emulates priorities with one list per step: 0 is taken first, 9 last.
_PRIORITY = {Priority.HIGH: 0, Priority.NORMAL: 3, Priority.LOW: 9}

TRANSPORT_OPTIONS: dict[str, object] = {
    # A message that is not acknowledged in this time is delivered again. Short, so that the loss of a whole
    # worker is repaired soon; running tasks renew it with CeleryQueue.keep.
    "visibility_timeout": VISIBILITY_TIMEOUT_S,
    # Look for such messages every 5 s; the defaults of 10 s x 10 mean a scan every 100 s.
    "unacked_restore_interval": 5,
    "unacked_restore_throttle": 1,
    # Without timeouts a half-open connection stalls a worker for ever. Above the 1 s of BRPOP.
    "socket_timeout": 15,
    "socket_connect_timeout": 5,
    "socket_keepalive": True,
    "health_check_interval": 10,
    # `unacked` is shared by all queues of a database: keep ours apart from other applications'.
    "global_keyprefix": KEY_PREFIX,
}


class CeleryQueue:
    """Publishes job ids. The message is a hint: publishing twice, or not at all, is repaired by the job record."""

    def __init__(self, url: str) -> None:
        self._app = Celery("ocrfleet-producer", broker=url, set_as_current=False)
        self._app.conf.update(
            task_serializer="json",
            accept_content=["json"],
            task_ignore_result=True,
            broker_transport_options=TRANSPORT_OPTIONS,
            # The record is written already and the reconciler publishes again: give up soon, not after a minute.
            task_publish_retry_policy={"max_retries": 2, "interval_start": 0, "interval_step": 0.2},
        )
        self._redis = redis.Redis.from_url(url, socket_timeout=5, socket_connect_timeout=5)

    def close(self) -> None:
        self._app.close()
        self._redis.close()

    def publish(self, job_id: str, *, device: str, priority: str) -> None:
        """Tell the workers that serve `device` of a job. Raises: Unavailable."""
        self._send(names.TASK_PROCESS, job_id, names.queue_of(device), _PRIORITY[Priority(priority)])

    def publish_webhook(self, job_id: str) -> None:
        """Tell the io workers that the job has a delivery to make. Raises: Unavailable."""
        self._send(names.TASK_DELIVER, job_id, names.QUEUE_IO, _PRIORITY[Priority.NORMAL])

    def keep(self, delivery_tag: str) -> None:
        """Restart the visibility timeout of a message that is being worked on, so that nobody else gets it.

        kombu scores unacknowledged messages with the local clock; so does this, in the same process group.
        """
        try:
            self._redis.zadd(f"{KEY_PREFIX}unacked_index", {delivery_tag: time.time()}, xx=True)
        except (redis.exceptions.ConnectionError, redis.exceptions.TimeoutError) as error:
            raise Unavailable("Redis does not answer") from error

    def _send(self, task: str, job_id: str, queue: str, priority: int) -> None:
        try:
            self._app.send_task(task, args=[job_id], queue=queue, priority=priority)
        except (kombu.exceptions.OperationalError, redis.exceptions.RedisError) as error:
            raise Unavailable("the queue does not answer; the job is recorded and will be published") from error
