"""The Celery tasks: thin, and named in names.py."""

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


@app.task(name=names.TASK_DELIVER)
def deliver_webhook(event_id: str) -> None:
    """Deliver a finished job's webhook. Runs in an io worker's child."""
    webhooks = lifecycle.child().webhooks
    if webhooks is None:
        _log.error("webhook_unsigned", event_id=event_id, reason="OCRFLEET_WEBHOOK_SECRET is not set")
        return
    try:
        webhooks.deliver(event_id)
    except Unavailable as error:
        _log.warning("webhook_postponed", event_id=event_id, reason=error.message)


def _delivery_tag(task: Any) -> str:  # Celery's request object is dynamic
    return str(task.request.properties["delivery_tag"])
