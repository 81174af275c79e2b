"""Between a job's record in Redis and the contract's types. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping

from pydantic import TypeAdapter

from producer.contract.jobs import (
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
from producer.contract.leases import LostJob, NewJob, Plan, waiting_queue
from producer.contract.sources import Remote

_REMOTE: TypeAdapter[Remote] = TypeAdapter(Remote)


def record_of(job_id: str, row: Mapping[str, str]) -> JobRecord:
    """A job's hash as its record."""
    request = JobRequest.model_validate_json(row["request"])
    source = SourceInfo.model_validate_json(row["source"])
    job = Job(
        id=job_id,
        status=JobState(row["state"]),
        filename=source.filename,
        owner=row["owner"],
        priority=request.priority,
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
    return JobRecord(
        job=job,
        request=request,
        source=source,
        ttl_s=int(row["ttl_ms"]) // 1000,
        retention_s=int(row["retention_ms"]) // 1000,
        owner=row["owner"],
        run=int(row.get("run", 0)),
        remote=_REMOTE.validate_json(row["remote"]) if "remote" in row else None,
        batch=row.get("batch"),
    )


def request_row(job: NewJob | JobRecord) -> dict[str, str]:
    """What was asked for, as fields of the job's hash."""
    request, source = job.request, job.source
    row = {
        # What is at its default is left out: a queued job is mostly its record.
        "request": request.model_dump_json(exclude_defaults=True),
        "source": source.model_dump_json(),
        "queue": waiting_queue(request, source),
        "priority": request.priority,
    }
    if job.remote:
        row["remote"] = job.remote.model_dump_json()
    if job.batch:
        row["batch"] = job.batch
    if request.tag:
        row["tag"] = request.tag
    if request.webhook:
        row |= {"webhook_url": str(request.webhook.url), "webhook_events": ",".join(request.webhook.events)}
    return row


def lost_row(lost: LostJob) -> dict[str, str]:
    """A lost job as its hash; one that had not ended waits again."""
    record, job = lost.record, lost.record.job
    row = request_row(record) | {
        "owner": record.owner,
        "run": str(record.run),
        "created_ms": str(ms_from_utc(job.created_at)),
        "ttl_ms": str(record.ttl_s * 1000),
        "retention_ms": str(record.retention_s * 1000),
        "attempts": str(job.attempts),
    }
    if job.idempotency_key is not None:
        row["idempotency_key"] = job.idempotency_key
    if lost.reuse_key:
        row["reuse_key"] = lost.reuse_key
    return row | (_ended_row(job) if job.status.is_terminal else {"state": JobState.QUEUED}) | _progress_row(lost)


def _ended_row(job: Job) -> dict[str, str]:
    row = {
        "state": job.status,
        "device": job.device or "",
        "error": json_or_empty(job.error),
        "outputs": json.dumps(dict(job.outputs)),
    }
    times = {"started_ms": job.started_at, "finished_ms": job.finished_at}
    row |= {name: str(ms_from_utc(at)) for name, at in times.items() if at is not None}
    if job.progress.pages_total is not None:
        row["pages_total"] = str(job.progress.pages_total)
    return row


def _progress_row(lost: LostJob) -> dict[str, str]:
    """Counted from the pages themselves; a job that has succeeded is never counted on, so its record's word will do."""
    progress = lost.record.job.progress
    done, failed = progress.pages_done, progress.pages_failed
    if lost.record.job.status is not JobState.SUCCEEDED:
        failed = sum(error is not None for error in lost.pages.values())
        done = len(lost.pages) - failed
    return {"pages_done": str(done), "pages_failed": str(failed)}


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
