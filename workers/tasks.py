"""The Celery task: thin, and named in names.py."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import structlog

from producer.contract import names
from producer.contract.errors import Unavailable
from workers import lifecycle
from workers.app import app
from workers.failpoints import reach

if TYPE_CHECKING:
    from celery import Task

_log = structlog.get_logger(__name__)


@app.task(name=names.TASK_WORK, bind=True)
def work(task: Task) -> None:
    """Do the unit whose turn it is. A device worker's child reads pages, an io worker's fetches a document."""
    child = lifecycle.child()
    delivery_tag = _delivery_tag(task)
    try:
        with child.presence.busy():
            child.processor.work(
                keep_message=lambda: child.queue.keep(delivery_tag), is_leaving=lambda: child.presence.is_leaving
            )
        reach("before_ack")
    except Unavailable as error:
        # The record could not be reached: the lease runs out and the reconciler offers the unit again.
        _log.warning("unit_left", reason=error.message)


def _delivery_tag(task: Any) -> str:  # Celery's request object is dynamic
    return str(task.request.properties["delivery_tag"])
