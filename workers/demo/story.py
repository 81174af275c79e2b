"""The demo's story: start everything, submit the samples, watch, show what was read, stop everything."""

from __future__ import annotations

import base64
import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from producer import progress
from producer.client import OcrFleetClient
from producer.commands.results import download, recognised_lines
from producer.contract.errors import OcrFleetError
from producer.contract.jobs import Job, JobState
from producer.contract.results import DocumentResult, PageResult
from producer.logs import configure_logs
from workers.demo.receiver import Receiver, receiving
from workers.demo.samples import Sample, SampleLine, sample_documents
from workers.demo.samples.score import Score, score_page
from workers.fleet.supervisor import System

ENOUGH = 0.98  # share of the drawn characters that must be read right
_JOB_S = 120.0
_WEBHOOK_S = 30.0


@dataclass(frozen=True, kw_only=True, slots=True)
class _Outcome:
    """What became of one sample."""

    sample: Sample
    job: Job
    result: DocumentResult | None

    @property
    def accuracy(self) -> float:
        """Share of the drawn characters that were read right, over all pages."""
        score = Score(errors=0, characters=0)
        pages = {page.page: _read_lines(page.result, page.original_polys) for page in self.pages}
        for number, truth in enumerate(self.sample.pages, start=1):
            score += score_page(truth.lines, pages.get(number, ()))
        return score.accuracy

    @property
    def pages(self) -> list[PageResult]:
        return self.result.pages if self.result else []

    @property
    def took_s(self) -> float:
        started, finished = self.job.started_at, self.job.finished_at
        return (finished - started).total_seconds() if started and finished else 0.0


def run_demo(out: Path) -> int:
    """Run the demo into `out`; the exit status: 0 when every sample was read well and every webhook came."""
    configure_logs("console", level=logging.ERROR)
    console = Console(highlight=False)
    secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
    # The receiver is a customer on this machine, so private addresses are allowed for this run.
    environment = {"OCRFLEET_WEBHOOK_SECRET": secret, "OCRFLEET_ALLOW_PRIVATE_URLS": "true"}
    try:
        with receiving(secret) as receiver:
            console.print("Starting Redis, object store, API, io worker and CPU worker ...")
            out.mkdir(parents=True, exist_ok=True)
            log_file = out / "system.log"
            with System(
                data_dir=out / "data", port=0, processes=1, environment=environment, log_file=log_file
            ) as system:
                console.print(f"Up at {system.server}\n")
                with OcrFleetClient(system.server) as client:
                    return _tell(console, client, receiver, out / "results", system.server)
    except OcrFleetError as error:
        console.print(f"error [{error.code}]: {error.message}; see {out / 'system.log'}", style="red", markup=False)
        return 1


def _tell(console: Console, client: OcrFleetClient, receiver: Receiver, results: Path, server: str) -> int:
    outcomes = _read_samples(client, receiver, results)
    for outcome in outcomes:
        _show(console, outcome, results)
    ids = {f"evt_{outcome.job.id}" for outcome in outcomes}
    told = receiver.wait_for(ids, timeout_s=_WEBHOOK_S)
    console.print(_summary(outcomes, told))
    console.print(f"JSON and images: {results.resolve()}", soft_wrap=True)
    console.print(
        f"The API ran at {server}, with its documentation at /docs; `make up` starts it to stay", soft_wrap=True
    )
    good = all(outcome.job.status is JobState.SUCCEEDED and outcome.accuracy >= ENOUGH for outcome in outcomes)
    return 0 if good and set(told) == ids else 1


def _read_samples(client: OcrFleetClient, receiver: Receiver, results: Path) -> list[_Outcome]:
    """Submit all samples at once, follow them, and download what came of them."""
    samples = sample_documents()
    webhook = {"url": receiver.url}
    jobs = [client.submit(sample.data, filename=sample.name, webhook=webhook) for sample in samples]
    titles = [sample.name for sample in samples]
    ended = progress.Watch(client, jobs).follow(titles, timeout_s=_JOB_S, quiet=False)
    return [_outcome(client, sample, job, results) for sample, job in zip(samples, ended, strict=True)]


def _outcome(client: OcrFleetClient, sample: Sample, job: Job, results: Path) -> _Outcome:
    if job.status not in (JobState.SUCCEEDED, JobState.PARTIAL):
        return _Outcome(sample=sample, job=job, result=None)
    download(client, job.id, results)
    (results / job.id / sample.name).write_bytes(sample.data)
    return _Outcome(sample=sample, job=job, result=DocumentResult.model_validate_json(client.result(job.id)))


def _show(console: Console, outcome: _Outcome, results: Path) -> None:
    """The text that was read, and where its JSON and images are."""
    job = outcome.job
    console.rule(f"{outcome.sample.name} - {len(outcome.sample.pages)} page(s) in {outcome.took_s:.2f} s", align="left")
    if outcome.result is None:
        why = f"[{job.error.code}] {job.error.message}" if job.error else str(job.status)
        console.print(why, style="red", markup=False)
        return
    console.print("\n".join(recognised_lines(outcome.result)), markup=False, soft_wrap=True)
    console.print(f"-> {results / job.id}", style="dim", markup=False, soft_wrap=True)


def _summary(outcomes: list[_Outcome], told: dict[str, dict[str, object]]) -> Table:
    table = Table("document", "state", "pages", "seconds", "read right", "signed webhook")
    for outcome in outcomes:
        message = told.get(f"evt_{outcome.job.id}")
        table.add_row(
            outcome.sample.name,
            outcome.job.status,
            str(len(outcome.pages)),
            f"{outcome.took_s:.2f}",
            f"{outcome.accuracy:.2%}",
            str(message["type"]) if message else "did not come",
        )
    return table


def _read_lines(result: Mapping[str, object] | None, polygons: list[list[list[int]]]) -> tuple[SampleLine, ...]:
    """A page's lines with their polygons in the original page."""
    texts = (result or {}).get("rec_texts", [])
    if not isinstance(texts, list):
        return ()
    return tuple(
        SampleLine(text=str(text), polygon=tuple((float(x), float(y)) for x, y in polygon))
        for text, polygon in zip(texts, polygons, strict=True)
    )
