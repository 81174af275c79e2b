"""The Celery tasks: thin, named in names.py, and the one place in a worker where any error is caught."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import structlog
from billiard.exceptions import SoftTimeLimitExceeded

from producer.contract import names
from producer.contract.errors import Unavailable
from producer.contract.jobs import JobError
from workers import lifecycle
from workers.app import app

if TYPE_CHECKING:
    from celery import Task

_log = structlog.get_logger(__name__)


@app.task(name=names.TASK_PROCESS, bind=True)
def process(task: Task, job_id: str) -> None:
    """Read one document. Runs in a device worker's child."""
    child = lifecycle.child()
    processor = child.processor
    if processor is None:
        raise RuntimeError("a page task reached an io worker: its queues are wrong")
    lease = processor.claim(job_id)
    if lease is None:
        return
    delivery_tag = _delivery_tag(task)
    try:
        processor.run(lease, keep_message=lambda: child.queue.keep(delivery_tag))
    except Unavailable as error:
        # The record could not be reached: the lease runs out and the reconciler publishes the job again.
        _log.warning("job_left", job_id=job_id, reason=error.message)
    except SoftTimeLimitExceeded:
        processor.fail(lease, JobError(code="page_timeout", message="the document took longer than the worker allows"))
    except Exception:
        _log.exception("job_crashed", job_id=job_id)
        processor.fail(lease, JobError(code="internal", message="an unexpected error; the worker's log names it"))


@app.task(name=names.TASK_DELIVER)
def deliver_webhook(job_id: str) -> None:
    """Deliver a finished job's webhook. Runs in an io worker's child."""
    webhooks = lifecycle.child().webhooks
    if webhooks is None:
        _log.error("webhook_unsigned", job_id=job_id, reason="OCRFLEET_WEBHOOK_SECRET is not set")
        return
    try:
        webhooks.deliver(job_id)
    except Unavailable as error:
        _log.warning("webhook_postponed", job_id=job_id, reason=error.message)


def _delivery_tag(task: Any) -> str:  # Celery's request object is dynamic
    return str(task.request.properties["delivery_tag"])
