"""The commands about dead letters: jobs that gave up on something that may be tried again."""

from __future__ import annotations

from typing import Annotated

import typer

from producer.commands.service import AsJson, JobId, Server, Service, service
from producer.commands.show import one_line, show, show_list
from producer.contract.errors import LookupFailed, RequestError
from producer.contract.jobs import Job

_BATCH = 1000
app = typer.Typer(help="Dead letters: jobs that gave up on a document or a page.", no_args_is_help=True)


@app.command("list")
def list_(
    limit: Annotated[int, typer.Option(min=1, max=_BATCH, help="At most this many, newest first")] = 100,
    owner: Annotated[
        str | None, typer.Option(help="Whose, for the operator and admins; default: yours, on the machine itself all")
    ] = None,
    server: Server = None,
    as_json: AsJson = False,
) -> None:
    """List the dead letters, newest first."""
    with service(server, as_json) as found:
        show_list(found.dead_letters(limit=limit, owner=owner), as_json)


@app.command("show")
def show_(job: JobId, server: Server = None, as_json: AsJson = False) -> None:
    """Show a job and what is wrong with each of its failed pages."""
    with service(server, as_json) as found:
        letter = found.dead_letter(job)
        if as_json:
            typer.echo(letter.model_dump_json())
            return
        show([letter.job], as_json)
        for page, error in letter.pages.items():
            typer.echo(f"  page {page}  [{error.code}] {one_line(error.message)}")


@app.command()
def retry(
    jobs: Annotated[list[str] | None, typer.Argument(metavar="[JOB]...")] = None,
    *,
    all_: Annotated[bool, typer.Option("--all", help="Every dead letter")] = False,
    server: Server = None,
    as_json: AsJson = False,
) -> None:
    """Run jobs again where they have no result: those named, or all dead letters."""
    if bool(jobs) == all_:
        raise typer.BadParameter("name the jobs to run again, or say --all")
    with service(server, as_json) as found:
        show_list(_retry_all(found) if all_ else [found.retry(job) for job in jobs or ()], as_json)


def _retry_all(found: Service) -> list[Job]:
    """Every dead letter once; one that fails again meanwhile is left for the next time."""
    retried: list[Job] = []
    seen: set[str] = set()
    while batch := [job.id for job in found.dead_letters(limit=_BATCH) if job.id not in seen]:
        seen.update(batch)
        for job_id in batch:
            try:
                retried.append(found.retry(job_id))
            except (LookupFailed, RequestError) as error:  # deleted, expired or retried by somebody else
                typer.echo(f"{job_id}  left out [{error.code}]: {error.message}", err=True)
    return retried
