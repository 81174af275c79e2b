"""Progress in a terminal: one bar a document, pages n of m."""

from __future__ import annotations

import time
from typing import Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

from producer.contract.errors import WaitTimeout
from producer.contract.jobs import Job

_POLL_S = 0.1


class Follows(Protocol):
    """What can be asked for the state of a job: the Producer, and the HTTP client."""

    def status(self, job_id: str) -> Job:
        """The job as it is now."""


def follow(service: Follows, jobs: list[Job], titles: list[str], *, timeout_s: float, quiet: bool) -> list[Job]:
    """Show the jobs until all have ended; the jobs as they ended. Raises: WaitTimeout."""
    deadline = time.monotonic() + timeout_s
    with _bars(quiet) as bars:
        tasks = [bars.add_task(title, total=None, state=job.status) for title, job in zip(titles, jobs, strict=True)]
        now = list(jobs)
        while True:
            for place, task in enumerate(tasks):
                if not now[place].status.is_terminal:
                    now[place] = service.status(now[place].id)
                _update(bars, task, now[place])
            waiting = [job for job in now if not job.status.is_terminal]
            if not waiting:
                return now
            if time.monotonic() >= deadline:
                raise WaitTimeout(f"{len(waiting)} of {len(now)} jobs have not ended after {timeout_s:g} s")
            time.sleep(_POLL_S)


def _bars(quiet: bool) -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("pages"),
        TextColumn("{task.fields[state]}"),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        disable=quiet,
    )


def _update(bars: Progress, task: TaskID, job: Job) -> None:
    read = job.progress.pages_done + job.progress.pages_failed
    total = job.progress.pages_total
    if total is None and job.status.is_terminal:
        total = read = 0
    bars.update(task, completed=read, total=total, state=job.status)
