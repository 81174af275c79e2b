"""What a test submits to the system under fire, what that is owed, and what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from pydantic import SecretStr

from ocr_engine import DocumentLimits, PredictOptions, open_document
from producer.backends.redis_store import RedisJobStore
from producer.connect import connect, connect_objects
from producer.contract.errors import NotFound, Unavailable
from producer.contract.jobs import Job, JobError, JobRequest
from producer.requests import parse_request
from producer.settings import Settings
from tests.faults.collect import Collector, settled
from tests.faults.commands import READ, Command, document
from tests.faults.engine import Desk, StandInEngine
from tests.faults.ledger import TERMINAL, Expected, Violation, digest
from tests.faults.receiver import FaultyReceiver
from tests.faults.redis_control import RedisControl
from tests.servers.process import wait_until
from workers.translate import page_result

SECRET = "whsec_" + "c2VjcmV0" * 6
FILENAME = "document.tiff"
DRAINED_S = 120.0  # what is over in seconds on an idle machine
_LIMITS = DocumentLimits(max_bytes=1 << 24, max_pages=1_000, max_page_pixels=1 << 20)


class Caseload:
    """Submits documents of commands, with a webhook each, and keeps the ledger. It reaches Redis directly."""

    def __init__(self, folder: Path, control: RedisControl, receiver: FaultyReceiver) -> None:
        """`folder` is shared with the engines; objects and temporary files are below it."""
        self.temporary = folder / "temporary"
        self.temporary.mkdir()
        self.receiver = receiver
        self.settings = Settings(
            redis_url=control.server.url,
            store_url=(folder / "objects").as_uri(),
            webhook_secret=SecretStr(SECRET),
            allow_private_urls=True,
        )
        self.producer = connect(self.settings)
        self.store = RedisJobStore(control.server.url)
        self.collector = Collector(
            client=control.client,
            store=self.store,
            objects=connect_objects(self.settings),
            folders=[self.temporary],
        )
        self.accepted: dict[str, Expected] = {}
        self.desk = Desk(folder)
        self._pages_made = 0
        self._received_before = 0
        self._begun_before = 0
        self._faultless = FaultlessRun(folder)

    def submit(
        self,
        *commands: Command,
        states: Sequence[str] = ("succeeded",),
        spared: Sequence[int] = (),
        key: str | None = None,
    ) -> str:
        """Submit a document of one page a command, READ when there is none; the job's id, entered in the ledger.

        spared: pages that may fail. Raises: Unavailable.
        """
        data = self.document(*commands)
        job = self.producer.submit(data, self.request(), filename=FILENAME, idempotency_key=key)
        self.enter(job.id, data, states=states, spared=spared)
        return job.id

    def document(self, *commands: Command) -> bytes:
        """A document that no test has submitted yet."""
        data = document(commands or [READ], first_number=self._pages_made)
        self._pages_made += len(commands) or 1
        return data

    def enter(
        self, job_id: str, data: bytes, *, states: Sequence[str] = ("succeeded",), spared: Sequence[int] = ()
    ) -> None:
        """Enter an accepted job in the ledger."""
        pages = {page: None if page in spared else wanted for page, wanted in self._faultless.pages_of(data).items()}
        self.accepted[job_id] = Expected(states=frozenset(states), pages=pages, told=True)

    def request(self) -> JobRequest:
        """A request whose end is told to the receiver, whatever it is."""
        events = [f"job.{state}" for state in sorted(TERMINAL - {"expired"})]
        return parse_request({"outputs": ["json"], "webhook": {"url": self.receiver.url, "events": events}})

    def job(self, job_id: str) -> Job:
        return self.producer.status(job_id)

    def failures(self, job_id: str) -> dict[int, JobError]:
        """The pages that failed, and how."""
        return {page: error for page, error in self.store.jobs.pages(job_id).items() if error}

    def begun(self) -> int:
        """How many pages the engines have begun since `forget_all`; more than there are when some were read again."""
        return sum(entry.event == "begin" for entry in self.desk.log()) - self._begun_before

    def ended(self) -> int:
        """How many times the engines have come to the end of a page, over all tests."""
        return sum(entry.event == "end" for entry in self.desk.log())

    def wait_begun(self, count: int) -> None:
        wait_until(lambda: self.begun() >= count, lambda: self.story("too few pages begun"), timeout_s=DRAINED_S)

    def drain(self, *, timeout_s: float = DRAINED_S) -> None:
        """Return once every accepted job has ended and no message waits. Raises: RuntimeError."""
        waiting = set(self.accepted)

        def is_over() -> bool:
            with suppress(Unavailable):
                waiting.difference_update({job_id for job_id in waiting if not self.collector.is_open(job_id)})
            return not waiting and self.collector.is_quiet()

        wait_until(is_over, lambda: self.story("not drained"), timeout_s=timeout_s)

    def settle(self) -> list[Violation]:
        """The ledger's answer about everything since `forget_all`."""
        return settled(lambda: self.collector.facts(self.accepted, self.receiver.received()[self._received_before :]))

    def forget_all(self) -> None:
        """Delete every job there is, and begin a new ledger."""
        for job_id in self.collector.job_ids():
            with suppress(NotFound):
                self.producer.delete(job_id)
        self.accepted.clear()
        self._received_before = len(self.receiver.received())
        self._begun_before += self.begun()

    def story(self, what: str) -> str:
        """For the reader of a failure: what is open, and what waits."""
        open_jobs = [str(self.job(job_id)) for job_id in self.accepted if self.collector.is_open(job_id)][:5]
        return "\n".join([what, f"queued {self.collector.queued()}, unacked {self.collector.unacked()}", *open_jobs])

    def close(self) -> None:
        self.producer.close()
        self.store.close()


class FaultlessRun:
    """The pages of a document as a run without faults stores them: read here and now, by the same engine."""

    def __init__(self, folder: Path) -> None:
        own = folder / "faultless"
        own.mkdir()
        Desk(own).order(READ)  # whatever the pages say
        self._engine = StandInEngine(desk=own)

    def pages_of(self, data: bytes) -> dict[int, str]:
        """The digest of each page object, by number from 1."""
        digests = {}
        with open_document(data, limits=_LIMITS) as opened:
            for index in range(opened.page_count):
                found = self._engine.predict_page(
                    opened.page_image(index),
                    input_path=FILENAME,
                    page_index=opened.page_index(index),
                    options=PredictOptions(),
                )
                result = page_result(JobRequest(outputs=("json",)), "JOB", index + 1, found)
                digests[index + 1] = digest(result.model_dump_json().encode(), "JOB")
        return digests
