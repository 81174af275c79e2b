"""Where things are at the service: paths made of ids, each checked, so that none leads to another route."""

from __future__ import annotations

from producer.contract import names
from producer.contract.errors import InvalidRequest, NotFound

_SHOWN = 64  # characters of a wrong id


def checked_job_id(job_id: str) -> str:
    """An id that is one. Raises: NotFound."""
    if not isinstance(job_id, str) or not names.JOB_ID.fullmatch(job_id):
        raise NotFound(f"{job_id!r:.{_SHOWN}} is not a job id")
    return job_id


def job_path(job_id: str) -> str:
    """Raises: NotFound."""
    return f"/v1/jobs/{checked_job_id(job_id)}"


def page_path(job_id: str, page: int) -> str:
    """Raises: NotFound, InvalidRequest."""
    if not isinstance(page, int):
        raise InvalidRequest(f"page: {page!r:.{_SHOWN}} is no number; pages count from 1")
    return f"{job_path(job_id)}/pages/{page:d}"


def file_path(job_id: str, name: str) -> str:
    """Raises: NotFound."""
    if not isinstance(name, str) or names.file_key(checked_job_id(job_id), name) is None:
        raise NotFound(f"jobs have no file named {name!r:.{_SHOWN}}")
    return f"{job_path(job_id)}/files/{name}"


def dead_letter_path(job_id: str) -> str:
    """Raises: NotFound."""
    return f"/v1/dead-letters/{checked_job_id(job_id)}"


def batch_path(batch_id: str) -> str:
    """Raises: NotFound."""
    if not isinstance(batch_id, str) or not names.JOB_ID.fullmatch(batch_id):
        raise NotFound(f"{batch_id!r:.{_SHOWN}} is not the id of a batch")
    return f"/v1/batches/{batch_id}"


def delivery_path(event_id: str) -> str:
    """Raises: NotFound."""
    if not isinstance(event_id, str) or not names.EVENT_ID.fullmatch(event_id):
        raise NotFound(f"{event_id!r:.{_SHOWN}} is not the id of a delivery")
    return f"/v1/webhook-deliveries/{event_id}"


def key_path(key_id: str) -> str:
    """Raises: NotFound, which does not show what was given: it may be the key itself."""
    if not isinstance(key_id, str) or not names.KEY_ID.fullmatch(key_id):
        raise NotFound("that is not the id of a key; list them with `ocrfleet keys list`")
    return f"/v1/keys/{key_id}"
