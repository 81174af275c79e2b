"""What a one-page job costs beyond reading its page: a stream of jobs through a real worker, and the engine alone."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.queue.enqueue import PROCESSES, THREADS, submit_many
from ocr_engine import OCREngine, open_document
from producer.connect import connect
from producer.contract.jobs import JobState
from producer.settings import Settings
from tests.faults.commands import Command, document
from tests.faults.engine import StandInEngine
from tests.faults.nodes import Node, nothing_left, stand_in
from workers.demo.samples import draw

_ROUNDS = 5
_WAIT_S = 600


@dataclass(frozen=True, kw_only=True, slots=True)
class Overhead:
    """Times in milliseconds.

    job: one one-page job in a steady stream, with an engine that costs `stand_in`. page: reading a real page.
    """

    enqueue_per_s: float
    job_ms: float
    stand_in_ms: float
    page_ms: float

    @property
    def overhead_ms(self) -> float:
        return self.job_ms - self.stand_in_ms

    @property
    def throughput_lost(self) -> float:
        """Share of a worker's time that is not reading, on real pages."""
        return self.overhead_ms / (self.overhead_ms + self.page_ms)

    def as_dict(self) -> dict[str, object]:
        return asdict(self) | {"overhead_ms": self.overhead_ms, "throughput_lost": self.throughput_lost}

    def lines(self) -> list[str]:
        return [
            f"enqueued: {self.enqueue_per_s:.0f} jobs/s (document and manifest stored, record written; "
            f"{PROCESSES} processes, {THREADS} threads each)",
            f"one-page job: {self.job_ms:.2f} ms, of which the stand-in engine {self.stand_in_ms:.2f} ms: "
            f"overhead {self.overhead_ms:.2f} ms",
            f"a real page: {self.page_ms:.0f} ms, so the overhead is {self.throughput_lost:.2%} of throughput",
        ]


def measure_overhead(redis_url: str, folder: Path, *, jobs: int) -> Overhead:
    """Fill the queue, then start one worker with an engine that reads nothing, and time the stream it makes."""
    settings = Settings(redis_url=redis_url, store_url=(folder / "objects").as_uri())
    page = document([Command()])
    ids, enqueue_per_s = submit_many(settings, page, jobs)
    producer = connect(settings)
    environment = {"OCRFLEET_REDIS_URL": redis_url, "OCRFLEET_STORE_URL": str(settings.store_url), **stand_in(folder)}
    with nothing_left(folder), Node("device", folder, environment):
        ended = [producer.wait(job_id, timeout_s=_WAIT_S) for job_id in ids]
    producer.close()
    if any(job.status is not JobState.SUCCEEDED for job in ended):
        raise RuntimeError("a job did not succeed: its time says nothing")
    # From the end of the first job on: before it the worker starts.
    ends = sorted(job.finished_at.timestamp() for job in ended if job.finished_at)
    job_ms = (ends[-1] - ends[0]) / (len(ends) - 1) * 1000
    return Overhead(
        enqueue_per_s=enqueue_per_s,
        job_ms=job_ms,
        stand_in_ms=_stand_in_ms(page),
        page_ms=_real_page_ms(),
    )


def _stand_in_ms(page: bytes) -> float:
    engine = StandInEngine()
    return min(_read_ms(engine, page) for _ in range(20))


def _real_page_ms() -> float:
    with OCREngine(device="cpu") as engine:
        engine.warm_up()
        return min(_read_ms(engine, draw("notice.png").data) for _ in range(_ROUNDS))


def _read_ms(engine: OCREngine, data: bytes) -> float:
    start = time.perf_counter()
    with open_document(data) as opened:
        engine.predict_page(opened.page_image(0))
    return (time.perf_counter() - start) * 1000
