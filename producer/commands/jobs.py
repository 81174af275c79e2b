"""The commands that follow, list, stop, repeat and delete jobs."""

from __future__ import annotations

import json
import time
from functools import partial
from typing import Annotated

import typer

from producer.commands.service import AsJson, JobId, OfOwner, Server, TimeoutS, service
from producer.commands.show import leave_by_state, show, show_list
from producer.contract.jobs import JobState
from producer.contract.listing import PAGE_MAX
from producer.patience import GRACE_S, in_time
from producer.progress import Watch


def status(job: JobId, server: Server = None, as_json: AsJson = False) -> None:
    """Show a job."""
    with service(server, as_json) as found:
        show([found.status(job)], as_json)


def wait(job: JobId, timeout: TimeoutS = 3600, server: Server = None, as_json: AsJson = False) -> None:
    """Wait until a job has ended."""
    with service(server, as_json) as found:
        # A service that is not there at all is told at once; one that goes away meanwhile is waited for.
        began = time.monotonic()
        first = in_time(partial(found.status, job), within_s=timeout + GRACE_S)
        ended = Watch(found, [first]).follow([job], timeout_s=timeout, quiet=as_json, began=began)
        show(ended, as_json)
        leave_by_state(ended)


def list_(
    status_: Annotated[
        list[JobState] | None, typer.Option("--status", help="In this state; repeat it for several")
    ] = None,
    tag: Annotated[str | None, typer.Option(help="With this tag")] = None,
    owner: OfOwner = None,
    cursor: Annotated[str | None, typer.Option(help="Where the page before ended")] = None,
    limit: Annotated[int, typer.Option(min=1, max=PAGE_MAX, help="At most this many")] = 50,
    server: Server = None,
    as_json: AsJson = False,
) -> None:
    """List the jobs that are kept, newest first."""
    with service(server, as_json) as found:
        page = found.jobs(status=status_ or (), tag=tag, owner=owner, cursor=cursor, limit=limit)
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
