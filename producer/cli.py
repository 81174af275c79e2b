"""The commands of the job side: submit, follow, fetch, and the HTTP API."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from producer import progress
from producer.client import OcrFleetClient
from producer.contract.errors import (
    JobFailed,
    LookupFailed,
    OcrFleetError,
    RequestError,
    Unavailable,
    WaitTimeout,
)
from producer.contract.jobs import Job, JobState
from producer.contract.results import DocumentResult
from producer.requests import parse_request
from producer.settings import Settings, load_settings

if TYPE_CHECKING:
    from producer.direct import Producer

Service: TypeAlias = "Producer | OcrFleetClient"
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else")]
Server = Annotated[str | None, typer.Option(help="Address of the HTTP API; default: OCRFLEET_SERVER, else Redis")]
TimeoutS = Annotated[float, typer.Option("--timeout", min=0, help="Seconds to wait")]
JobId = Annotated[str, typer.Argument(metavar="JOB")]
OutDir = Annotated[Path | None, typer.Option("--out", "-o", help="Folder for the results")]


class ExitCode(int, Enum):
    """What a command's exit status says."""

    JOB_FAILED = 1
    USAGE = 2
    UNREACHABLE = 3
    NOT_FOUND = 4
    TIMED_OUT = 5


def register(app: typer.Typer) -> None:
    """Add the producer's commands to the `ocrfleet` command."""
    for command in (submit, status, wait, result, cancel, api, settings):
        app.command()(command)


def submit(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Documents: PDF or images")],
    *,
    wait_: Annotated[bool, typer.Option("--wait", help="Wait for the end, with a progress bar a document")] = False,
    device: Annotated[str, typer.Option(help="`auto`, a kind (`gpu`) or an exact device (`gpu:0`)")] = "auto",
    priority: Annotated[str, typer.Option(help="`low`, `normal` or `high`")] = "normal",
    pages: Annotated[str | None, typer.Option(help="Pages to read, counted from 1: `1-3,7`")] = None,
    outputs: Annotated[str, typer.Option(help="`json`, `image`, separated by commas")] = "json,image",
    webhook: Annotated[str | None, typer.Option(metavar="URL", help="Address to tell of the end")] = None,
    idempotency_key: Annotated[str | None, typer.Option(metavar="KEY", help="The same key makes the same job")] = None,
    tag: Annotated[str | None, typer.Option(help="A word of yours, echoed")] = None,
    option: Annotated[list[str] | None, typer.Option(metavar="NAME=VALUE", help="A predict parameter")] = None,
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
        "options": _options(option or []),
    }
    if webhook:
        fields["webhook"] = {"url": webhook}
    with _service(server, as_json) as service:
        request = parse_request(fields)
        jobs = [service.submit(path, request, idempotency_key=idempotency_key) for path in paths]
        if wait_:
            followed = progress.follow(service, jobs, [path.name for path in paths], timeout_s=timeout, quiet=as_json)
            jobs = [_with_files(service, job, out) for job in followed]
        _show(jobs, as_json)
        _exit_by_state(jobs)


def status(job: JobId, server: Server = None, as_json: AsJson = False) -> None:
    """Show a job."""
    with _service(server, as_json) as service:
        _show([service.status(job)], as_json)


def wait(job: JobId, timeout: TimeoutS = 3600, server: Server = None, as_json: AsJson = False) -> None:
    """Wait until a job has ended."""
    with _service(server, as_json) as service:
        ended = progress.follow(service, [service.status(job)], [job], timeout_s=timeout, quiet=as_json)
        _show(ended, as_json)
        _exit_by_state(ended)


def result(job: JobId, out: OutDir = None, server: Server = None, as_json: AsJson = False) -> None:
    """Print the text of a finished job, or with --json its document result; with --out download every file."""
    with _service(server, as_json) as service:
        body = service.result(job)
        if out:
            download(service, job, out)
        typer.echo(body.decode() if as_json else "\n".join(recognised_lines(DocumentResult.model_validate_json(body))))


def cancel(job: JobId, server: Server = None, as_json: AsJson = False) -> None:
    """Stop a job."""
    with _service(server, as_json) as service:
        _show([service.cancel(job)], as_json)


def api(
    host: Annotated[str, typer.Option(help="Address to listen on")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on")] = 8080,
    fd: Annotated[
        int | None, typer.Option(help="A listening socket that the parent process opened", hidden=True)
    ] = None,
) -> None:
    """Serve the HTTP API."""
    from producer.api.serve import serve

    with _errors(as_json=False):
        serve(load_settings(), host=host, port=port, fd=fd)


def settings(as_json: AsJson = False) -> None:
    """Show every setting: its environment variable, its value now, and what it means."""
    now = load_settings()
    rows = [
        (f"OCRFLEET_{name.upper()}", _shown(getattr(now, name)), field.description or "")
        for name, field in Settings.model_fields.items()
    ]
    if as_json:
        typer.echo(json.dumps({name: {"value": value, "description": meaning} for name, value, meaning in rows}))
        return
    for name, value, meaning in rows:
        typer.echo(f"{name}={value}\n    {meaning}")


def _shown(value: object) -> str:
    """A setting's value as text; a secret as stars, an address without its password."""
    return re.sub(r"(://[^@/]*:)[^@/]*@", r"\1***@", "" if value is None else str(value))


def recognised_lines(document: DocumentResult) -> Iterator[str]:
    """The recognised lines, pages in order."""
    for page in document.pages:
        texts = (page.result or {}).get("rec_texts", [])
        yield from texts if isinstance(texts, list) else []


def download(service: Service, job_id: str, folder: Path) -> None:
    """Write the document result and every page's files into `folder`/`job_id`."""
    target = folder / job_id
    target.mkdir(parents=True, exist_ok=True)
    body = service.result(job_id)
    (target / "result.json").write_bytes(body)
    for page in json.loads(body)["pages"]:
        for href in page["files"].values():
            name = href.rpartition("/")[2]
            service.download(job_id, name, target / name)


def _with_files(service: Service, job: Job, out: Path | None) -> Job:
    if out and job.status in (JobState.SUCCEEDED, JobState.PARTIAL):
        download(service, job.id, out)
    return job


def _options(pairs: list[str]) -> dict[str, object]:
    """`text_det_thresh=0.4` as a mapping; the values are read as JSON where they are JSON."""
    options: dict[str, object] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise typer.BadParameter(f"write options as name=value, not {pair!r}")
        try:
            options[name] = json.loads(value)
        except json.JSONDecodeError:
            options[name] = value
    return options


@contextmanager
def _service(server: str | None, as_json: bool) -> Iterator[Service]:
    """The running system: over HTTP where a server is named, else straight to Redis and the store."""
    with _errors(as_json):
        settings: Settings = load_settings()
        address = server or settings.server
        service: Service
        if address:
            key = settings.api_key.get_secret_value() if settings.api_key else None
            service = OcrFleetClient(address, api_key=key)
        else:
            # Loaded here: over HTTP neither Celery nor Redis is needed, and both are slow to import.
            from producer.connect import connect

            service = connect(settings)
        try:
            yield service
        finally:
            service.close()


@contextmanager
def _errors(as_json: bool) -> Iterator[None]:
    """Print a known error with its code, and leave with the exit status that belongs to it."""
    try:
        yield
    except OcrFleetError as error:
        if as_json:
            typer.echo(json.dumps({"error": {"code": error.code, "message": error.message, "details": error.details}}))
        typer.echo(f"error [{error.code}]: {error.message}", err=True)
        raise typer.Exit(_exit_code(error)) from error


def _exit_code(error: OcrFleetError) -> int:
    for kind, code in (
        (JobFailed, ExitCode.JOB_FAILED),
        (LookupFailed, ExitCode.NOT_FOUND),
        (WaitTimeout, ExitCode.TIMED_OUT),
        (Unavailable, ExitCode.UNREACHABLE),
        (RequestError, ExitCode.USAGE),
    ):
        if isinstance(error, kind):
            return code
    return ExitCode.JOB_FAILED


def _show(jobs: list[Job], as_json: bool) -> None:
    if as_json:
        shown = [job.model_dump(mode="json") for job in jobs]
        typer.echo(json.dumps(shown[0] if len(shown) == 1 else shown, ensure_ascii=False))
        return
    for job in jobs:
        total = "?" if job.progress.pages_total is None else job.progress.pages_total
        done = job.progress.pages_done + job.progress.pages_failed
        why = f"  [{job.error.code}] {job.error.message}" if job.error else ""
        typer.echo(f"{job.id}  {job.status}  pages {done}/{total}{why}")


def _exit_by_state(jobs: list[Job]) -> None:
    if any(job.status.is_terminal and job.status is not JobState.SUCCEEDED for job in jobs):
        raise typer.Exit(ExitCode.JOB_FAILED)
