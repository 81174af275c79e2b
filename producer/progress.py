"""Progress in a terminal: one bar a document, pages n of m."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
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

from producer.contract.errors import OcrFleetError, WaitTimeout
from producer.contract.jobs import Job
from producer.patience import patient_look

_POLL_FIRST_S, _POLL_MAX_S = 0.1, 0.5


class Follows(Protocol):
    """What can be asked for the state of a job: the Producer, and the HTTP client."""

    def status(self, job_id: str) -> Job:
        """The job as it is now."""


class Watch:
    """Jobs that are followed. `jobs`: as the last look showed them, whatever ended the watch."""

    def __init__(self, service: Follows, jobs: Sequence[Job]) -> None:
        self._service = service
        self.jobs = list(jobs)

    def follow(self, titles: Sequence[str], *, timeout_s: float, quiet: bool, began: float | None = None) -> list[Job]:
        """Show the jobs until all have ended; the jobs as they ended.

        began: when the time began, in monotonic seconds; None: now. A service that does not answer is asked until the
        time is over. Raises: WaitTimeout, Unavailable.
        """
        deadline = (time.monotonic() if began is None else began) + timeout_s
        with _bars(quiet) as bars:
            tasks = [
                bars.add_task(title, total=None, state=job.status) for title, job in zip(titles, self.jobs, strict=True)
            ]
            pause_s = _POLL_FIRST_S
            while True:
                for place, task in enumerate(tasks):
                    if not self.jobs[place].status.is_terminal:
                        told = partial(_tell, bars, task)
                        ask = partial(self._service.status, self.jobs[place].id)
                        self.jobs[place] = patient_look(ask, deadline=deadline, meanwhile=told)
                    _update(bars, task, self.jobs[place])
                waiting = [job for job in self.jobs if not job.status.is_terminal]
                if not waiting:
                    return self.jobs
                if time.monotonic() >= deadline:
                    raise WaitTimeout(
                        f"{len(waiting)} of {len(self.jobs)} jobs have not ended after {timeout_s:g} s; "
                        "they go on, wait again"
                    )
                time.sleep(pause_s)
                pause_s = min(pause_s * 1.5, _POLL_MAX_S)


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


def _tell(bars: Progress, task: TaskID, error: OcrFleetError) -> None:
    bars.update(task, state=f"{error.code}, asked again")


def _update(bars: Progress, task: TaskID, job: Job) -> None:
    read = job.progress.pages_done + job.progress.pages_failed
    total = job.progress.pages_total
    if total is None and job.status.is_terminal:
        total = read = 0
    bars.update(task, completed=read, total=total, state=job.status)
