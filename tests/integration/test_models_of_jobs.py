"""A job whose models cannot be loaded: tried again, told of with the reason, and no other job is touched."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import structlog

from ocr_engine import DeviceUnavailable, DocumentLimits, InvalidRequest, ModelUnavailable, OCREngine
from producer.backends.memory_objects import MemoryObjectStore
from producer.backends.memory_store import MemoryJobStore
from producer.contract.jobs import Job, JobError, JobRequest, JobState, SourceInfo
from producer.direct import Producer
from producer.intake import fingerprint, reuse_key
from tests.contract.job_stores import CPU
from tests.integration.conftest import LIMITS
from tests.integration.doorbell import Bells
from tests.integration.reading import DigestEngine, drawn_document
from workers.engines import Engines
from workers.heartbeat import Heartbeat, LeaseTimes, PageBounds
from workers.postponing import MODELS_S
from workers.process import ProcessLimits, UnitProcessor


class Worker:
    """One whose own engine reads, and whose others are what a test says."""

    def __init__(self, other: Callable[[], DigestEngine], *, most: int = 2, max_pages: int | None = None) -> None:
        self.now_s = 1_800_000_000.0
        self.store = MemoryJobStore(lambda: self.now_s)
        self.objects, self.bells = MemoryObjectStore(), Bells()
        self.producer = Producer(self.store, self.objects, self.bells, LIMITS)
        self.tries = 0
        self._other, self._most = other, most
        self.processor = self.processor_of(max_pages=max_pages)

    def processor_of(self, *, max_pages: int | None) -> UnitProcessor:
        def build(options: Mapping[str, object]) -> DigestEngine:
            if "lang" not in options:
                return DigestEngine(lambda: None)
            self.tries += 1
            return self._other()

        return UnitProcessor(
            engines=Engines(build, {}, most=self._most),
            store=self.store,
            objects=self.objects,
            doorbell=self.bells,
            limits=ProcessLimits(
                document=DocumentLimits(max_pages=max_pages),
                max_attempts=3,
                unit_pages=2,
                lease=LeaseTimes(lease_s=60, heartbeat_s=60),
                page=PageBounds(timeout_s=60, memory_bytes=1 << 40, load_s=60),
            ),
            worker=CPU,
        )

    def job(self, *, pages: int = 1, **options: object) -> Job:
        request = JobRequest.model_validate({"options": options, "outputs": ["json"]})
        return self.producer.submit(drawn_document(pages), request, filename="page.tiff")

    def finish(self, job: Job) -> Job:
        """With all its tries, the pauses between them passed over."""
        for _ in range(10):
            while self.processor.work(keep_message=lambda: None):
                pass
            if (seen := self.producer.status(job.id)).status.is_terminal:
                return seen
            self.wait(600)
        return seen

    def wait(self, seconds: float) -> None:
        self.now_s += seconds
        for due in self.store.upkeep.due(limit=10):
            self.store.upkeep.revisit(due)


def raising(error: BaseException) -> Callable[[], DigestEngine]:
    def build() -> DigestEngine:
        raise error

    return build


@pytest.mark.parametrize(
    ("error", "code", "told", "attempts"),
    [
        (ModelUnavailable("no weights in /models"), "model_unavailable", "cannot load the models that the job", 3),
        (ModelUnavailable("none in /models", for_callers="X is not here"), "model_unavailable", "X is not here", 3),
        (DeviceUnavailable("the driver is gone"), "invalid_request", "the driver is gone", 3),
        (InvalidRequest("these two do not go together"), "invalid_request", "do not go together", 1),
        (MemoryError(), "out_of_memory", "no memory left", 3),
        (RuntimeError("of a library"), "internal", "an unexpected RuntimeError", 3),
    ],
)
def test_a_job_whose_models_cannot_be_loaded_is_tried_elsewhere_and_fails_with_the_reason(
    error: Exception, code: str, told: str, attempts: int
) -> None:
    worker = Worker(raising(error))
    failed = worker.finish(worker.job(lang="ru"))
    assert failed.error is not None
    assert (failed.status, failed.error.code, failed.attempts) == (JobState.FAILED, code, attempts)
    assert told in failed.error.message
    # What a node lacked may come back: the job is to be retried.
    may_come_back = isinstance(error, ModelUnavailable | DeviceUnavailable | MemoryError)
    assert [one.id for one in worker.producer.dead_letters()] == ([failed.id] if may_come_back else [])
    assert worker.finish(worker.job()).status is JobState.SUCCEEDED


def test_where_models_were_looked_for_is_told_in_the_log_and_not_to_callers(tmp_path: Path) -> None:
    def build() -> DigestEngine:
        OCREngine(lang="ru", model_cache_dir=tmp_path, model_source="offline")
        raise AssertionError("there is such a model")

    worker = Worker(build)
    with structlog.testing.capture_logs() as logged:
        failed = worker.finish(worker.job(lang="ru"))
    assert failed.error is not None
    assert "eslav_PP-OCRv5_mobile_rec cannot be had on this machine. No other model" in failed.error.message
    assert "log" in failed.error.message
    assert str(tmp_path) not in failed.model_dump_json()
    told = [event["reason"] for event in logged if event["event"] == "models_lacking"]
    assert len(told) == 3
    assert all(str(tmp_path) in reason for reason in told)


def test_a_document_that_is_being_read_stays_within_limits_that_are_lowered() -> None:
    worker = Worker(raising(RuntimeError()), max_pages=5)
    job = worker.job(pages=5)
    assert worker.processor.work(keep_message=lambda: None)
    worker.processor = worker.processor_of(max_pages=4)
    assert worker.finish(job).status is JobState.SUCCEEDED
    refused = worker.finish(worker.job(pages=5)).error
    assert refused is not None and refused.code == "too_many_pages"


def test_what_a_node_lacks_for_a_moment_costs_no_job() -> None:
    answers: list[Callable[[], DigestEngine]] = [raising(RuntimeError()), raising(MemoryError())]
    worker = Worker(lambda: answers.pop(0)() if answers else DigestEngine(lambda: None))
    assert worker.finish(worker.job(lang="ru", pages=3)).status is JobState.SUCCEEDED
    assert worker.tries == 3


def test_what_others_have_read_stays_when_a_node_lacks_the_models() -> None:
    answers: list[Callable[[], DigestEngine]] = [lambda: DigestEngine(lambda: None)]
    worker = Worker(lambda: answers.pop(0)() if answers else raising(RuntimeError())(), most=1)
    job = worker.job(lang="ru", pages=12)
    assert worker.processor.work(keep_message=lambda: None)
    worker.finish(worker.job())  # its engine makes way
    ended = worker.finish(job)
    assert ended.status is JobState.PARTIAL
    assert ended.progress.pages_done >= 2
    assert ended.progress.pages_failed == 12 - ended.progress.pages_done > 0


def test_between_its_tries_other_nodes_have_time_to_take_the_job() -> None:
    worker = Worker(raising(ModelUnavailable("none here")))
    job = worker.job(lang="ru")
    assert worker.processor.work(keep_message=lambda: None)
    worker.wait(MODELS_S - 1)
    assert not worker.processor.work(keep_message=lambda: None)
    worker.wait(2)
    assert worker.processor.work(keep_message=lambda: None)
    assert worker.producer.status(job.id).attempts == 3


def test_pages_that_no_try_could_load_models_for_say_why() -> None:
    """A load over its time ends the process, and nobody but the next one can fail the pages."""
    worker = Worker(lambda: DigestEngine(lambda: None))
    job = worker.job(lang="ru", pages=4)
    assert worker.processor.work(keep_message=lambda: None)
    slow = JobError(code="model_unavailable", message="models took longer than 300 s to load", retryable=True)
    for _ in range(3):
        claim = worker.store.leases.claim(CPU, lease_s=60)
        assert claim is not None
        worker.store.leases.crash(claim.lease, 0, slow)
    ended = worker.finish(job)
    assert (ended.status, ended.progress.pages_done, ended.progress.pages_failed) == (JobState.PARTIAL, 2, 2)
    errors = [error for error in worker.store.leases.pages(job.id).values() if error]
    assert {error.code for error in errors} == {"model_unavailable"}
    assert all(error.message == "given up after 3 tries: models took longer than 300 s to load" for error in errors)


def test_models_that_load_for_too_long_give_the_unit_back_with_the_reason() -> None:
    worker = Worker(raising(RuntimeError()))
    worker.job(lang="ru")
    claim = worker.store.leases.claim(CPU, lease_s=60)
    assert claim is not None
    stuck: list[tuple[int, str]] = []
    heartbeat = Heartbeat(
        worker.store.leases,
        claim.lease,
        keep_message=lambda: None,
        times=LeaseTimes(lease_s=60, heartbeat_s=60),
        bounds=PageBounds(timeout_s=0.01, memory_bytes=1 << 40, load_s=0.3),
        on_stuck=lambda page, why: stuck.append((page, why.code)),
    )
    with heartbeat:
        heartbeat.begin_loading()
        deadline = time.monotonic() + 10
        while not stuck and time.monotonic() < deadline:
            time.sleep(0.02)
        heartbeat.end_page()
    assert stuck[0] == (0, "model_unavailable")


def test_a_request_without_choices_has_the_marks_that_it_had_before_there_were_any() -> None:
    request = JobRequest.model_validate({"options": {"use_doc_unwarping": True}, "pages": "1-2", "tag": "t"})
    source = SourceInfo(filename="a.pdf", media_type="application/pdf", sha256="ab" * 32, size_bytes=3)
    assert fingerprint(request, source, None, batch=None).startswith("28052b055013f3ca95f2")
    assert reuse_key(request, source, "me").startswith("2ee5d9a83c7da06e2a6f")
    chosen = request.model_copy(update={"options": request.options.model_copy(update={"lang": "ru"})})
    assert fingerprint(chosen, source, None, batch=None) != fingerprint(request, source, None, batch=None)
    assert reuse_key(chosen, source, "me") != reuse_key(request, source, "me")
