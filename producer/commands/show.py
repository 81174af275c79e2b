"""Jobs on standard output: a line each, or one JSON document; and the status that a command leaves with for them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import typer

from producer.contract.jobs import Job, JobState
from producer.exit_codes import ExitCode

# Characters; a line should not be wrapped more than it helps.
_NAME_MAX, _TAG_MAX, _WHY_MAX = 40, 40, 200
_NOWHERE: Mapping[str, Path] = MappingProxyType({})


def show(jobs: Sequence[Job], as_json: bool, *, folders: Mapping[str, Path] = _NOWHERE) -> None:
    """The jobs that a command was about; as JSON a single one by itself. folders: where results lie, by job id."""
    if as_json:
        shown = [job.model_dump(mode="json") for job in jobs]
        typer.echo(json.dumps(shown[0] if len(shown) == 1 else shown, ensure_ascii=False))
        return
    for job in jobs:
        where = f"  in {folders[job.id]}" if job.id in folders else ""
        typer.echo(_line(job) + where)


def show_list(jobs: Sequence[Job], as_json: bool) -> None:
    """Any number of jobs; as JSON always a list."""
    if as_json:
        typer.echo(json.dumps([job.model_dump(mode="json") for job in jobs], ensure_ascii=False))
        return
    show(jobs, as_json)


def leave_by_state(jobs: Sequence[Job]) -> None:
    """Leave with the status of a failed job if one has no whole result."""
    if any(job.status.is_terminal and job.status is not JobState.SUCCEEDED for job in jobs):
        raise typer.Exit(ExitCode.JOB_FAILED)


def _line(job: Job) -> str:
    total = "?" if job.progress.pages_total is None else job.progress.pages_total
    failed = f" ({job.progress.pages_failed} failed)" if job.progress.pages_failed else ""
    pages = f"pages {job.progress.pages_done}/{total}{failed}"
    parts = [job.id, job.status, pages, f"{job.created_at:%Y-%m-%d %H:%M}Z"]
    parts.append(_shortened(one_line(job.filename or "-"), _NAME_MAX))
    if job.owner:
        parts.append(f"owner {job.owner}")
    if job.tag:
        parts.append(f"tag {_shortened(one_line(job.tag), _TAG_MAX)}")
    if job.error:
        parts.append(f"[{job.error.code}] {one_line(job.error.message)[:_WHY_MAX]}")
    return "  ".join(parts)


def one_line(text: str) -> str:
    """Without line breaks, and without what a terminal obeys."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())


def _shortened(text: str, most: int) -> str:
    """The beginning and the end: names that begin alike differ there."""
    half = most // 2
    return text if len(text) <= most else f"{text[: half - 1]}…{text[-half:]}"
