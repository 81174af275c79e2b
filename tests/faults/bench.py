"""OCRFleet without Celery: a producer, units read with the stand-in engine, the reconciler's step, and the ledger.

python -m tests.faults.bench DEVICE    reads units of that device until there are none, in a process of its own
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

from redis import Redis

from ocr_engine import DocumentLimits
from producer.backends.redis_store import PREFIX, RedisJobStore
from producer.connect import connect_objects
from producer.contract import names
from producer.contract.jobs import JobRequest
from producer.contract.leases import Worker
from producer.contract.ports import JobStore, ObjectStore
from producer.direct import Producer
from producer.intake import ProducerLimits
from producer.remote import RemoteRules
from producer.settings import load_settings
from tests.faults.caseload import FILENAME, FaultlessRun
from tests.faults.collect import Collector, settled
from tests.faults.commands import READ, Command, document
from tests.faults.engine import DIR_VARIABLE, Desk, StandInEngine
from tests.faults.ledger import Expected, Violation
from tests.servers.process import ServerProcess
from workers import failpoints
from workers.engines import Engines
from workers.heartbeat import LeaseTimes, PageBounds
from workers.process import ProcessLimits, UnitProcessor
from workers.reconciler import Reconciler
from workers.settings import WorkerSettings
from workers.sweep import Sweep

ROOT = Path(__file__).parents[2]
LATEST_S = 120.0  # for what takes a second or two on an idle machine
STEPS = 50  # rounds of reconciling and reading after which a job that is still open never ends
# A lease that runs out under a slow process costs nothing here: nobody takes it back before a test says so.
LEASE = LeaseTimes(lease_s=0.5, heartbeat_s=0.1)
DOCUMENT = DocumentLimits(max_bytes=64 << 20, max_pages=2_000)
LIMITS = ProcessLimits(
    document=DOCUMENT,
    max_attempts=3,
    unit_pages=2,
    lease=LEASE,
    page=PageBounds(timeout_s=60, memory_bytes=8 << 30, load_s=60),
)
_PRODUCER_LIMITS = ProducerLimits(
    max_file_bytes=64 << 20,
    max_open_jobs=1000,
    job_ttl_s=3600,
    result_ttl_s=3600,
    webhooks_signed=True,
    remote=RemoteRules(allow_private_urls=True),  # receivers are on this machine
)


@dataclass(kw_only=True, slots=True)
class Bell:
    """A queue that only remembers. `deadly`: the process dies at the first ring, as between two steps."""

    rings: list[str] = field(default_factory=list)
    deadly: bool = False

    def ring(self, queue: str) -> None:
        if self.deadly:
            os.kill(os.getpid(), signal.SIGKILL)
        self.rings.append(queue)

    def close(self) -> None:
        """There is nothing to give back."""


class Bench:
    """A system of one process around a real Redis and a real object store. `accepted` is its ledger."""

    def __init__(self, redis_url: str, objects: ObjectStore, *, desk: Path, deadly: bool = False) -> None:
        self.objects = objects
        self.store = RedisJobStore(redis_url)
        self.client: Redis = Redis.from_url(redis_url, decode_responses=True)
        self.bell = Bell(deadly=deadly)
        self.producer = Producer(self.store, objects, self.bell, _PRODUCER_LIMITS)
        self.reconciler = reconciler(self.store, self.bell, objects)
        self.desk = Desk(desk)
        self.collector = Collector(client=self.client, store=self.store, objects=objects)
        self.accepted: dict[str, Expected] = {}

    def close(self) -> None:
        self.producer.close()
        self.client.close()

    def submit(self, *commands: Command, states: Sequence[str] = ("succeeded",), **request: object) -> str:
        """Submit a document of one page a command, and enter it in the ledger; the job's id. Raises: Unavailable."""
        data = document(commands or [READ])
        job = self.producer.submit(data, request_of(request), filename=FILENAME)
        self.enter(job.id, data, states=states)
        return job.id

    def enter(self, job_id: str, data: bytes, *, states: Sequence[str] = ("succeeded",)) -> None:
        """Enter an accepted job in the ledger. One that may end otherwise than as succeeded may lack pages."""
        pages = fault_free_pages(data)
        owed = pages if tuple(states) == ("succeeded",) else dict.fromkeys(pages)
        self.accepted[job_id] = Expected(states=frozenset(states), pages=owed)

    def processor(self, *, device: str = "cpu", limits: ProcessLimits = LIMITS) -> UnitProcessor:
        return processor(self.store, self.objects, self.bell, device=device, limits=limits)

    def finish(self, *, device: str = "cpu") -> None:
        """Reconcile and read until every accepted job has ended; delays are over at once, and leases of the dead."""
        reader = self.processor(device=device)
        for _ in range(STEPS):
            if not any(self.collector.is_open(job_id) for job_id in self.accepted):
                return
            self.make_due()
            self.reconciler.step()
            while reader.work(keep_message=lambda: None):
                pass

    def make_due(self) -> None:
        """Let every delay and every lease be over. Nobody may be at work."""
        due = f"{PREFIX}due"
        units = [str(member) for member in self.client.zrange(due, 0, -1) if "/" in str(member)]
        if units:
            self.client.zadd(due, dict.fromkeys(units, 0))

    def violations(self) -> list[Violation]:
        """The ledger's answer."""
        return settled(lambda: self.collector.facts(self.accepted, ()))


def processor(
    store: JobStore,
    objects: ObjectStore,
    bell: Bell,
    *,
    device: str = "cpu",
    limits: ProcessLimits = LIMITS,
) -> UnitProcessor:
    """What a child of a device worker runs. Serves the queue of exactly this device, and that of any for the CPU."""
    queues = names.queues_served_by(device) if device == "cpu" else (names.queue_of(device),)
    return UnitProcessor(
        engines=Engines(lambda _options: StandInEngine(device=device), {}, most=1),
        store=store,
        objects=objects,
        doorbell=bell,
        limits=limits,
        worker=Worker(queues=queues, holder=f"bench/{os.getpid()}", device=device),
    )


def reconciler(store: JobStore, bell: Bell, objects: ObjectStore) -> Reconciler:
    """What the io node's main process runs."""
    return Reconciler(store, bell, Sweep(store, objects, orphan_age=timedelta(days=1)))


def request_of(fields: Mapping[str, object]) -> JobRequest:
    """A request without drawings, which cost more than everything else here."""
    return JobRequest.model_validate({"outputs": ["json"], **fields})


def fault_free_pages(data: bytes) -> dict[int, str]:
    """The digest of each page object of a run without faults."""
    with tempfile.TemporaryDirectory() as folder:
        return FaultlessRun(Path(folder)).pages_of(data)


def at_once(*deeds: Callable[[], object]) -> list[object]:
    """Do all of them at the same moment; what they answered, in their order."""
    start = threading.Barrier(len(deeds))

    def run(deed: Callable[[], object]) -> object:
        start.wait()
        return deed()

    with ThreadPoolExecutor(len(deeds)) as pool:
        return list(pool.map(run, deeds))


def own_process(
    device: str, *, redis_url: str, store_url: str, desk: Path, environment: Mapping[str, str] | None = None
) -> ServerProcess:
    """A process that reads units of `device` until there are none. Its log is in `desk`."""
    settings = {
        "OCRFLEET_REDIS_URL": redis_url,
        "OCRFLEET_STORE_URL": store_url,
        DIR_VARIABLE: str(desk),
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, "-m", "tests.faults.bench", device]
    log = desk / f"reader-{device.replace(':', '.')}.log"
    return ServerProcess(command, log, {**os.environ, **settings, **(environment or {})})


def run_alone(command: Sequence[str], environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command of ours to its end."""
    settings = {**os.environ, "PYTHONPATH": str(ROOT), **(environment or {})}
    return subprocess.run(command, env=settings, capture_output=True, text=True, timeout=LATEST_S, check=False)


def main(device: str) -> None:
    settings, worker = load_settings(), WorkerSettings()
    failpoints.arm(worker.failpoint, worker.failpoint_dir)
    assert settings.redis_url
    limits = replace(LIMITS, document=replace(DOCUMENT, max_pages=settings.max_pages))
    reader = processor(
        RedisJobStore(settings.redis_url), connect_objects(settings), Bell(), device=device, limits=limits
    )
    while reader.work(keep_message=lambda: None):
        pass
    # Not ru_maxrss: a process starts with that of the one it was forked from.
    (peak_kib,) = re.findall(r"^VmHWM:\s*(\d+) kB$", Path("/proc/self/status").read_text(), re.MULTILINE)
    sys.stdout.write(f"{int(peak_kib) >> 10}\n")


if __name__ == "__main__":
    main(sys.argv[1])
