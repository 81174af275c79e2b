"""The command that submits documents: one that is refused does not hold up the others."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated, Self

import typer

from producer.commands.results import OutDir, download, make_folder
from producer.commands.service import AsJson, Server, Service, TimeoutS, errors, service
from producer.commands.show import leave_by_state, show
from producer.contract.errors import InvalidRequest, LookupFailed, OcrFleetError, RequestError, WaitTimeout
from producer.contract.jobs import Job, JobRequest, JobState
from producer.exit_codes import ExitCode, exit_code_of
from producer.patience import patient
from producer.progress import Watch
from producer.requests import parse_request

_PYTHON = {"True": "true", "False": "false", "None": "null"}
_DOWNLOAD_S = 120.0  # results that were waited for are asked for this long while the service is away


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
    metadata: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="A text of yours, echoed; repeat it for several")
    ] = None,
    ttl: Annotated[
        int | None, typer.Option(metavar="SECONDS", help="A job that no worker took in this time expires")
    ] = None,
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
        "metadata": dict(_pair(one, "metadata") for one in metadata or ()),
        "ttl_s": ttl,
        "reuse": reuse,
        "options": {name: _value(text) for name, text in (_pair(one, "options") for one in option or ())},
    }
    if webhook:
        fields["webhook"] = {"url": webhook}
    with errors(as_json):
        request = parse_request(fields)
        if out and not wait_:
            raise InvalidRequest("--out needs --wait; or fetch the results later with `ocrfleet result JOB --out DIR`")
        if out:
            make_folder(out)
    with service(server, as_json) as found:
        run = _Run(found=found)
        with run.told(as_json):
            run.send(documents, request, idempotency_key)
            if wait_:
                run.follow(timeout_s=timeout, quiet=as_json)
            if out:
                run.save(out)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Failure:
    """What went wrong with a document, or (None) with all that were left, and the exit status that says so."""

    code: str
    message: str
    status: ExitCode
    document: str | None = None
    details: dict[str, object] = field(default_factory=dict)

    @classmethod
    def of(cls, error: OcrFleetError, document: str | None = None) -> Self:
        message, status = error.message, exit_code_of(error)
        if document and not message.startswith(f"{document}: "):
            message = f"{document}: {message}"
        return cls(code=error.code, message=message, status=status, document=document, details=error.details)

    @property
    def fields(self) -> dict[str, object]:
        return {"code": self.code, "message": self.message, "details": self.details}


_INTERRUPTED = _Failure(
    code="interrupted",
    message="interrupted; what was submitted goes on: wait for it with `ocrfleet wait JOB`, or cancel it",
    status=ExitCode.INTERRUPTED,
)


@dataclass(kw_only=True, slots=True)
class _Run:
    """What has become of the documents so far. `titles` and `jobs`: of those that were accepted, in order.

    folders: where results lie, by job id. failures: told as they came.
    """

    found: Service
    titles: list[str] = field(default_factory=list)
    jobs: list[Job] = field(default_factory=list)
    folders: dict[str, Path] = field(default_factory=dict)
    failures: list[_Failure] = field(default_factory=list)

    def send(self, documents: Sequence[str], request: JobRequest, idempotency_key: str | None) -> None:
        """Submit each, until the service itself refuses one: it would refuse the others as well."""
        for place, document in enumerate(documents):
            # Each its own, as in a batch: one key is one document.
            key = f"{idempotency_key}.{place}" if idempotency_key and len(documents) > 1 else idempotency_key
            try:
                job = self.found.submit(document, request, idempotency_key=key)
            except OcrFleetError as error:
                self._fail(_Failure.of(error, document))
                if not isinstance(error, RequestError):
                    typer.echo(f"not submitted: {', '.join(documents[place:])}", err=True)
                    return
            else:
                self.titles.append(document)
                self.jobs.append(job)

    def follow(self, *, timeout_s: float, quiet: bool) -> None:
        """Wait for all; of those that take too long the others are kept. Raises: what is not the time."""
        watch = Watch(self.found, self.jobs)
        try:
            watch.follow([Path(title).name for title in self.titles], timeout_s=timeout_s, quiet=quiet)
        except WaitTimeout as error:
            self._fail(_Failure.of(error))
        finally:
            self.jobs = watch.jobs

    def save(self, out: Path) -> None:
        """Download the results that there are. Raises: what is not the fault of a document."""
        for title, job in zip(self.titles, self.jobs, strict=True):
            if job.status not in (JobState.SUCCEEDED, JobState.PARTIAL):
                continue
            try:
                patient(partial(download, self.found, job.id, out), deadline=time.monotonic() + _DOWNLOAD_S)
            except (RequestError, LookupFailed) as error:
                self._fail(_Failure.of(error, title))
            else:
                self.folders[job.id] = out / job.id

    @contextmanager
    def told(self, as_json: bool) -> Iterator[None]:
        """Say at the end, whatever it is, what was submitted: the jobs go on, and are asked for by their ids."""
        try:
            yield
        except OcrFleetError as error:
            self._fail(_Failure.of(error))
        except KeyboardInterrupt:
            self._fail(_INTERRUPTED)
        if self.failures and as_json:
            typer.echo(json.dumps(self._document(), ensure_ascii=False))
        else:
            show(self.jobs, as_json, folders=self.folders)
        if self.failures:
            raise typer.Exit(self._deciding.status)
        leave_by_state(self.jobs)

    def _fail(self, failure: _Failure) -> None:
        self.failures.append(failure)
        typer.echo(f"error [{failure.code}]: {failure.message}", err=True)

    @property
    def _deciding(self) -> _Failure:
        """The first failure; an interrupt goes before."""
        return _INTERRUPTED if _INTERRUPTED in self.failures else self.failures[0]

    def _document(self) -> dict[str, object]:
        """What every command says of an error, with all of them and the jobs that there are."""
        deciding = self._deciding
        return {
            "error": {**deciding.fields, "details": {**deciding.details, "jobs": [job.id for job in self.jobs]}},
            "errors": [{"document": failure.document, **failure.fields} for failure in self.failures],
            "jobs": [job.model_dump(mode="json") for job in self.jobs],
        }


def _pair(text: str, what: str) -> tuple[str, str]:
    """`name=value` as both."""
    name, equals, value = text.partition("=")
    if not equals:
        raise typer.BadParameter(f"write {what} as name=value, not {text!r}")
    return name, value


def _value(text: str) -> object:
    """JSON where it is, and `True` as Python writes it; else the text itself."""
    try:
        value: object = json.loads(_PYTHON.get(text, text))
    except json.JSONDecodeError:
        return text
    return value
