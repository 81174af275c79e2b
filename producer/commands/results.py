"""The command that fetches results, and what turns them into files and lines."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from producer.commands.service import AsJson, JobId, Server, Service, service
from producer.contract.errors import InvalidRequest
from producer.contract.results import DocumentResult

OutDir = Annotated[Path | None, typer.Option("--out", "-o", help="Folder for the results")]


def result(job: JobId, out: OutDir = None, server: Server = None, as_json: AsJson = False) -> None:
    """Print the text of a finished job, or with --json its document result; with --out download every file."""
    with service(server, as_json) as found:
        if out:
            make_folder(out)
        body = found.result(job)
        if out:
            download(found, job, out)
        typer.echo(body.decode() if as_json else "\n".join(recognised_lines(DocumentResult.model_validate_json(body))))


def recognised_lines(document: DocumentResult) -> Iterator[str]:
    """The recognised lines, pages in order."""
    for page in document.pages:
        texts = (page.result or {}).get("rec_texts", [])
        yield from texts if isinstance(texts, list) else []


def download(found: Service, job_id: str, folder: Path) -> None:
    """Write the document result, the document's other outputs and every page's files into `folder`/`job_id`.

    Repeating it replaces them. Raises: the errors of the service; InvalidRequest: they cannot be written.
    """
    target = folder / job_id
    body = found.result(job_id)
    hrefs = [href for output, href in found.status(job_id).outputs.items() if output != "json"]
    hrefs += [href for page in json.loads(body)["pages"] for href in page["files"].values()]
    try:
        target.mkdir(parents=True, exist_ok=True)
        (target / "result.json").write_bytes(body)
        for href in hrefs:
            name = href.rpartition("/")[2]
            found.download(job_id, name, target / name)
    except OSError as error:
        raise InvalidRequest(f"--out: the results cannot be written into {target}: {error.strerror}") from error


def make_folder(out: Path) -> None:
    """Make the folder for results, before anything is done for them. Raises: InvalidRequest."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidRequest(f"--out: the folder {out} cannot be made: {error.strerror}; name another") from error
    if not os.access(out, os.W_OK | os.X_OK):
        raise InvalidRequest(f"--out: nothing can be written into {out}; name another folder, or change its rights")
