"""Telling the workers that there is work."""

from __future__ import annotations

import structlog

from producer.contract.errors import Unavailable
from producer.contract.ports import Doorbell

_log = structlog.get_logger(__name__)


def ring_or_leave(doorbell: Doorbell, queue: str | None) -> None:
    """Tell those of a queue; None: nobody. If that fails the reconciler will."""
    if queue is None:
        return
    try:
        doorbell.ring(queue)
    except Unavailable as error:
        _log.warning("ring_postponed", queue=queue, reason=error.message)
