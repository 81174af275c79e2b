"""Between a job's record in Redis and the contract's types. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping

from producer.contract.jobs import (
    DAY_S,
    Job,
    JobError,
    JobRecord,
    JobRequest,
    JobState,
    Progress,
    SourceInfo,
    links_of,
    ms_from_utc,
    utc_from_ms,
)
from producer.contract.leases import Plan
from producer.contract.names import queue_of


def record_of(job_id: str, row: Mapping[str, str]) -> JobRecord:
    """A job's hash as its record."""
    request = JobRequest.model_validate_json(row["request"])
    job = Job(
        id=job_id,
        status=JobState(row["state"]),
        created_at=utc_from_ms(int(row["created_ms"])),
        started_at=utc_from_ms(int(row["started_ms"])) if "started_ms" in row else None,
        finished_at=utc_from_ms(int(row["finished_ms"])) if "finished_ms" in row else None,
        progress=Progress(
            pages_total=int(row["pages_total"]) if "pages_total" in row else None,
            pages_done=int(row.get("pages_done", 0)),
            pages_failed=int(row.get("pages_failed", 0)),
        ),
        device=row.get("device") or None,
        attempts=int(row.get("attempts", 0)),
        error=JobError.model_validate_json(row["error"]) if row.get("error") else None,
        outputs=json.loads(row.get("outputs") or "{}"),
        links=links_of(job_id),
        metadata=request.metadata,
        tag=request.tag,
        idempotency_key=row.get("idempotency_key"),
    )
    source = SourceInfo.model_validate_json(row["source"])
    return JobRecord(job=job, request=request, source=source, owner=row["owner"], run=int(row.get("run", 0)))


def row_of(record: JobRecord) -> dict[str, str]:
    """An ended job's record as its hash, as far as anybody reads it after the end."""
    job, request = record.job, record.request
    times = {"created_ms": job.created_at, "started_ms": job.started_at, "finished_ms": job.finished_at}
    row = {name: str(ms_from_utc(at)) for name, at in times.items() if at is not None}
    if job.progress.pages_total is not None:
        row["pages_total"] = str(job.progress.pages_total)
    if job.idempotency_key is not None:
        row["idempotency_key"] = job.idempotency_key
    return row | {
        "state": job.status,
        "owner": record.owner,
        "run": str(record.run),
        "request": request.model_dump_json(exclude_defaults=True),
        "source": record.source.model_dump_json(),
        "queue": queue_of(request.device),
        "priority": request.priority,
        "ttl_ms": str((request.ttl_s or DAY_S) * 1000),
        "pages_done": str(job.progress.pages_done),
        "pages_failed": str(job.progress.pages_failed),
        "device": job.device or "",
        "attempts": str(job.attempts),
        "error": json_or_empty(job.error),
        "outputs": json.dumps(dict(job.outputs)),
    }


def plan_of(row: Mapping[str, str]) -> Plan | None:
    """How the document is divided; None: nobody has opened it in this run."""
    if "units_total" not in row:
        return None
    return Plan(
        page_count=int(row["page_count"]), pages_total=int(row["pages_total"]), unit_pages=int(row["unit_pages"])
    )


def json_or_empty(error: JobError | None) -> str:
    return error.model_dump_json() if error else ""


def counted_pages(row: Mapping[str, str]) -> dict[int, JobError | None]:
    """The pages counted so far, by number; the error of a failed one."""
    return {int(page): JobError.model_validate_json(error) if error else None for page, error in row.items()}
