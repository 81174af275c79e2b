"""The commands that submit documents, and follow, stop, repeat and delete their jobs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from producer import progress
from producer.commands.results import OutDir, download
from producer.commands.service import AsJson, JobId, Server, Service, service
from producer.commands.show import show, show_list
from producer.contract.errors import OcrFleetError
from producer.contract.jobs import Job, JobState
from producer.contract.listing import PAGE_MAX
from producer.exit_codes import ExitCode
from producer.requests import parse_request

_PYTHON = {"True": "true", "False": "false", "None": "null"}
TimeoutS = Annotated[float, typer.Option("--timeout", min=0, help="Seconds to wait")]


def submit(
    documents: Annotated[
        list[str], typer.Argument(metavar="PATH|URL...", help="PDF or images: files, `https://…`, `s3://bucket/key`")
    ],
    *,
    wait_: Annotated[bool, typer.Option("--wait", help="Wait for the end, with a progress bar a document")] = False,
    device: Annotated[str, typer.Option(help="`auto`, a kind (`gpu`) or an exact device (`gpu:0`)")] = "auto",
    priority: Annotated[str, typer.Option(help="`low`, `normal` or `high`")] = "normal",
    pages: Annotated[str | None, typer.Option(help="Pages to read, counted from 1: `1-3,7`")] = None,
    outputs: Annotated[str, typer.Option(help="`json,image,text,hocr,alto,pdf`: those you want")] = "json,image",
    webhook: Annotated[str | None, typer.Option(metavar="URL", help="Address to tell of the end")] = None,
    idempotency_key: Annotated[
        str | None,
        typer.Option(
            metavar="KEY",
            help="The same key makes the same job; of several documents each has its place behind it: `key.0`",
        ),
    ] = None,
    tag: Annotated[str | None, typer.Option(help="A word of yours, echoed")] = None,
    reuse: Annotated[bool, typer.Option("--reuse", help="A finished result of the same document may answer")] = False,
    option: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="A predict parameter, lang, profile or a model")
    ] = None,
    out: OutDir = None,
    timeout: TimeoutS = 3600,
    server: Server = None,
    as_json: AsJson = False,
) -> None:
    """Submit documents; with --wait, follow them and download their results."""
    fields: dict[str, object] = {
        "device": device,
        "priority": priority,
        "pages": pages,
        "outputs": outputs.split(","),
        "tag": tag,
        "reuse": reuse,
        "options": _options(option or []),
    }
    if webhook:
        fields["webhook"] = {"url": webhook}
    with service(server, as_json) as found:
        request = parse_request(fields)
        jobs: list[Job] = []
        try:
            for place, path in enumerate(documents):
                # Each its own, as in a batch: one key is one document.
                key = f"{idempotency_key}.{place}" if idempotency_key and len(documents) > 1 else idempotency_key
                jobs.append(found.submit(path, request, idempotency_key=key))
            if wait_:
                titles = [Path(path).name for path in documents]
                followed = progress.follow(found, jobs, titles, timeout_s=timeout, quiet=as_json)
                jobs = [_with_files(found, job, out) for job in followed]
        except OcrFleetError as error:
            # They go on: who submitted them must be able to ask for them.
            error.details["jobs"] = [job.id for job in jobs]
            if not as_json:
                show(jobs, as_json)
            raise
        show(jobs, as_json)
        _exit_by_state(jobs)


def status(job: JobId, server: Server = None, as_json: AsJson = False) -> None:
    """Show a job."""
    with service(server, as_json) as found:
        show([found.status(job)], as_json)


def wait(job: JobId, timeout: TimeoutS = 3600, server: Server = None, as_json: AsJson = False) -> None:
    """Wait until a job has ended."""
    with service(server, as_json) as found:
        ended = progress.follow(found, [found.status(job)], [job], timeout_s=timeout, quiet=as_json)
        show(ended, as_json)
        _exit_by_state(ended)


def list_(
    status_: Annotated[
        list[JobState] | None, typer.Option("--status", help="In this state; repeat it for several")
    ] = None,
    tag: Annotated[str | None, typer.Option(help="With this tag")] = None,
    cursor: Annotated[str | None, typer.Option(help="Where the page before ended")] = None,
    limit: Annotated[int, typer.Option(min=1, max=PAGE_MAX, help="At most this many")] = 50,
    server: Server = None,
    as_json: AsJson = False,
) -> None:
    """List the jobs that are kept, newest first."""
    with service(server, as_json) as found:
        page = found.jobs(status=status_ or (), tag=tag, cursor=cursor, limit=limit)
        if as_json:
            typer.echo(page.model_dump_json())
            return
        show_list(list(page.jobs), as_json)
        if page.next_cursor:
            typer.echo(f"more: --cursor {page.next_cursor}", err=True)


def cancel(job: JobId, server: Server = None, as_json: AsJson = False) -> None:
    """Stop a job."""
    with service(server, as_json) as found:
        show([found.cancel(job)], as_json)


def retry(job: JobId, server: Server = None, as_json: AsJson = False) -> None:
    """Run an ended job again: the pages that failed, or all that have no result."""
    with service(server, as_json) as found:
        show([found.retry(job)], as_json)


def delete(job: JobId, server: Server = None, as_json: AsJson = False) -> None:
    """Delete a job with its document and its results; a running one stops."""
    with service(server, as_json) as found:
        found.delete(job)
        typer.echo(json.dumps({"id": job, "deleted": True}) if as_json else f"{job}  deleted")


def _with_files(found: Service, job: Job, out: Path | None) -> Job:
    if out and job.status in (JobState.SUCCEEDED, JobState.PARTIAL):
        download(found, job.id, out)
    return job


def _options(pairs: list[str]) -> dict[str, object]:
    """`text_det_thresh=0.4` as a mapping; values are read as JSON where they are, and `True` as Python writes it."""
    options: dict[str, object] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise typer.BadParameter(f"write options as name=value, not {pair!r}")
        try:
            options[name] = json.loads(_PYTHON.get(value, value))
        except json.JSONDecodeError:
            options[name] = value
    return options


def _exit_by_state(jobs: list[Job]) -> None:
    if any(job.status.is_terminal and job.status is not JobState.SUCCEEDED for job in jobs):
        raise typer.Exit(ExitCode.JOB_FAILED)
