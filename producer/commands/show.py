"""Jobs on standard output: a line each, or one JSON document."""

from __future__ import annotations

import json

import typer

from producer.contract.jobs import Job


def show(jobs: list[Job], as_json: bool) -> None:
    """The jobs that a command was about; as JSON a single one by itself."""
    if as_json:
        shown = [job.model_dump(mode="json") for job in jobs]
        typer.echo(json.dumps(shown[0] if len(shown) == 1 else shown, ensure_ascii=False))
        return
    _lines(jobs)


def show_list(jobs: list[Job], as_json: bool) -> None:
    """Any number of jobs; as JSON always a list."""
    if as_json:
        typer.echo(json.dumps([job.model_dump(mode="json") for job in jobs], ensure_ascii=False))
        return
    _lines(jobs)


def _lines(jobs: list[Job]) -> None:
    for job in jobs:
        total = "?" if job.progress.pages_total is None else job.progress.pages_total
        done = job.progress.pages_done + job.progress.pages_failed
        why = f"  [{job.error.code}] {job.error.message}" if job.error else ""
        typer.echo(f"{job.id}  {job.status}  pages {done}/{total}{why}")
