"""The queue in Celery on Redis: rings that say there is work, and keeping a running message invisible to others."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import kombu.exceptions
import redis
from celery import Celery

from producer.backends.redis_address import bounded_client, broker_of
from producer.contract import names
from producer.contract.errors import Unavailable

KEY_PREFIX = "ocr:"  # kombu's keys, apart from the job store's
_RING_S = 5.0  # what is not rung for, or kept, in this time is found by the reconciler, or rung for again
_AWAY = "the queue does not answer; the job is recorded and will be found"


def transport_options(visibility_timeout_s: float) -> dict[str, object]:
    """kombu's options for Redis, the same for everybody who uses the broker: the shortest visibility timeout wins."""
    return {
        # A message that is not acknowledged in this time is delivered again; running tasks renew it with `keep`. A late
        # one costs nothing, since rings are repeated: this only keeps dead workers' messages from staying behind.
        "visibility_timeout": visibility_timeout_s,
        # Look for such messages at least every 5 s; the defaults of 10 s x 10 mean a scan every 100 s.
        "unacked_restore_interval": min(5, visibility_timeout_s / 3),
        "unacked_restore_throttle": 1,
        # Who looks holds a lock, and one that lost its Redis meanwhile leaves it: for 5 minutes, by default.
        "unacked_mutex_expire": 10,
        # Without timeouts a half-open connection stalls a worker for ever. Above the 1 s of BRPOP.
        "socket_timeout": 15,
        "socket_connect_timeout": 5,
        "socket_keepalive": True,
        "health_check_interval": 10,
        # `unacked` is shared by all queues of a database: keep ours apart from other applications'.
        "global_keyprefix": KEY_PREFIX,
    }


class CeleryQueue:
    """A doorbell. The message is a hint: ringing twice, or not at all, is repaired by the job record."""

    def __init__(self, url: str, *, visibility_timeout_s: float = 120) -> None:
        broker = broker_of(url)
        self._app = Celery("ocrfleet-producer", broker=broker.url, set_as_current=False)
        self._app.conf.update(
            task_serializer="json",
            accept_content=["json"],
            task_ignore_result=True,
            broker_transport_options={**transport_options(visibility_timeout_s), **broker.options},
            broker_use_ssl=broker.tls,
            # The record is written already and the reconciler publishes again: give up soon, not after a minute.
            task_publish_retry_policy={"max_retries": 2, "interval_start": 0, "interval_step": 0.2},
        )
        self._redis = bounded_client(url, within_s=_RING_S)

    def close(self) -> None:
        self._app.close()
        self._redis.close()

    def ring(self, queue: str) -> None:
        """Wake one worker that serves `queue`, unless a ring already waits there. Raises: Unavailable.

        A ring names no job: the claim takes the unit whose turn it is. Whoever hears one rings again while there is
        more work, so one waiting ring is as good as many, and a backlog costs the broker nothing.
        """
        with _available():
            if self._redis.llen(KEY_PREFIX + queue):
                return
        try:
            self._app.send_task(names.TASK_WORK, queue=queue)
        except (kombu.exceptions.OperationalError, redis.exceptions.RedisError) as error:
            raise Unavailable(_AWAY) from error

    def keep(self, delivery_tag: str) -> None:
        """Restart the visibility timeout of a message that is being worked on, so that nobody else gets it.

        kombu scores unacknowledged messages with the local clock; so does this, in the same process group.
        """
        with _available():
            self._redis.zadd(f"{KEY_PREFIX}unacked_index", {delivery_tag: time.time()}, xx=True)


@contextmanager
def _available() -> Iterator[None]:
    try:
        yield
    except redis.exceptions.RedisError as error:
        raise Unavailable(_AWAY) from error
