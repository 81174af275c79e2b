"""A process is killed between every two steps; another one finishes its job, and the ledger is empty."""

from __future__ import annotations

import hashlib
import signal
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from redis import Redis

from producer.backends.celery_queue import CeleryQueue
from producer.backends.local_objects import LocalObjectStore
from producer.contract import names
from producer.contract.jobs import Job
from tests.faults.bench import LATEST_S, Bench, own_process, request_of, run_alone
from tests.faults.caseload import FILENAME
from tests.faults.commands import READ, document, page_with
from tests.faults.engine import DIR_VARIABLE
from tests.faults.nodes import Node, nothing_left, stand_in
from tests.servers.process import wait_until
from tests.servers.redis import RedisServer

WEBHOOK = {"url": "https://example.org/hook"}
PAGES = 3  # in units of two
STEPS = (
    *("after_claim", "after_plan", "before_put", "after_put", "after_commit"),
    *("before_complete", "after_complete", "before_finish", "after_finish"),
)
_DATABASE = 12
# What a producer does until it is killed between the record and the ring.
SUBMIT_AND_DIE = """
import sys
from pathlib import Path
from producer.backends.celery_queue import CeleryQueue
from producer.backends.local_objects import LocalObjectStore
from tests.faults.bench import Bench, request_of
from tests.faults.caseload import FILENAME

redis_url, objects, desk, data, key = sys.argv[1:]
bench = Bench(redis_url, LocalObjectStore(Path(objects)), desk=Path(desk), deadly=True)
bench.producer.submit(Path(data), request_of({}), filename=FILENAME, idempotency_key=key)
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Death:
    """A job whose first process died at one step: then, and in the end. `pages_begun` counts over all processes."""

    job_id: str
    then: Job
    end: Job
    pages_begun: int


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("deaths")


@pytest.fixture(scope="module")
def deaths_bench(redis_server: RedisServer, place: Path) -> Iterator[Bench]:
    url = redis_server.database_url(_DATABASE)
    with Redis.from_url(url) as client, pytest.MonkeyPatch.context() as environment:
        client.flushdb()
        environment.setenv(DIR_VARIABLE, str(place))
        bench = Bench(url, LocalObjectStore(place / "objects"), desk=place)
        yield bench
        bench.close()


@pytest.fixture(scope="module")
def deaths(deaths_bench: Bench, redis_server: RedisServer, place: Path) -> Mapping[str, Death]:
    """All at once, each with a job and a device of its own: a process takes a second to start."""
    bench, jobs, processes = deaths_bench, {}, {}
    for number, name in enumerate(STEPS):
        device = f"gpu:{number}"
        data = document([READ] * PAGES, first_number=PAGES * number)
        request = request_of({"device": device, "webhook": WEBHOOK})
        jobs[name] = bench.producer.submit(data, request, filename=FILENAME).id
        bench.enter(jobs[name], data)
        failpoint = {"OCRFLEET_WORKER_FAILPOINT": f"{name}:kill:1", "OCRFLEET_WORKER_FAILPOINT_DIR": str(place)}
        processes[name] = own_process(
            device,
            redis_url=redis_server.database_url(_DATABASE),
            store_url=(place / "objects").as_uri(),
            desk=place,
            environment=failpoint,
        )
    wait_until(
        lambda: not any(process.is_running() for process in processes.values()),
        lambda: f"still running: {[name for name, process in processes.items() if process.is_running()]}",
        timeout_s=LATEST_S,
    )
    then = {name: bench.producer.status(job_id) for name, job_id in jobs.items()}
    for number in range(len(STEPS)):
        bench.finish(device=f"gpu:{number}")
    return {
        name: Death(
            job_id=jobs[name],
            then=then[name],
            end=bench.producer.status(jobs[name]),
            pages_begun=pages_begun(bench, PAGES * number),
        )
        for number, name in enumerate(STEPS)
    }


def pages_begun(bench: Bench, first_number: int) -> int:
    """How often a page of the document that begins with this number was read."""
    pages = {hashlib.sha256(page_with(READ, first_number + n).tobytes()).hexdigest() for n in range(PAGES)}
    return sum(entry.event == "begin" and entry.page in pages for entry in bench.desk.log())


@pytest.mark.parametrize("name", STEPS)
def test_a_worker_that_dies_at_this_step_costs_at_most_the_page_it_read(
    deaths: Mapping[str, Death], deaths_bench: Bench, place: Path, name: str
) -> None:
    """Row 26: between put and commit, commit and complete, last page and finalise, finalise and what follows."""
    death = deaths[name]
    assert (place / f"{name}.1").exists(), "nobody came by"
    has_ended = name == "after_finish"
    assert death.then.status == ("succeeded" if has_ended else "running")
    assert (death.end.status, death.end.attempts) == ("succeeded", 1 if has_ended else 2)
    assert death.pages_begun == PAGES + (name in ("before_put", "after_put"))
    assert [row.type for row in deaths_bench.producer.deliveries(death.job_id)] == ["job.succeeded"]
    assert deaths_bench.producer.result(death.job_id)


@pytest.mark.usefixtures("deaths")
def test_the_ledger_of_all_deaths_is_empty(deaths_bench: Bench) -> None:
    """Row 26: every job ended once, with the pages of a run without faults."""
    assert deaths_bench.violations() == []


def test_a_worker_that_dies_before_it_acknowledges_leaves_no_message_and_no_second_end(
    bench: Bench, redis_url: str, desk: Path, tmp_path: Path
) -> None:
    """Row 26: the job is finished and its ring comes again, to find that there is no work."""
    environment = {
        "OCRFLEET_REDIS_URL": redis_url,
        "OCRFLEET_STORE_URL": (tmp_path / "objects").as_uri(),
        "OCRFLEET_DATA_DIR": str(tmp_path),
        "OCRFLEET_WORKER_FAILPOINT": "before_ack:kill:1",
        "OCRFLEET_WORKER_FAILPOINT_DIR": str(tmp_path),
        **stand_in(desk),
    }
    job_id = bench.submit(READ, READ, webhook=WEBHOOK)
    with nothing_left(tmp_path), Node("device", tmp_path, environment) as node:
        node.wait_ready()
        former = node.ready_children()[0]
        CeleryQueue(redis_url).ring(names.QUEUE_ANY)
        wait_until((tmp_path / "before_ack.1").exists, lambda: node.tail(), timeout_s=LATEST_S)
        node.wait_new_child(former)
        assert bench.violations() == [], node.tail()
    assert [row.type for row in bench.producer.deliveries(job_id)] == ["job.succeeded"]
    assert bench.producer.status(job_id).attempts == 1


def test_a_producer_that_dies_between_the_record_and_the_ring_has_made_a_job(
    bench: Bench, redis_url: str, desk: Path, tmp_path: Path
) -> None:
    """Row 25: the reconciler rings for it; and who sends it again with the same key gets that job."""
    data = document([READ, READ])
    (tmp_path / "document").write_bytes(data)
    arguments = (redis_url, str(tmp_path / "objects"), str(desk), str(tmp_path / "document"), "once")
    died = run_alone([sys.executable, "-c", SUBMIT_AND_DIE, *arguments])
    assert died.returncode == -signal.SIGKILL, died.stderr
    (job_id,) = bench.collector.job_ids()
    assert bench.bell.rings == []
    bench.reconciler.step()
    assert bench.bell.rings == [names.QUEUE_ANY]
    again = bench.producer.submit(data, request_of({}), filename=FILENAME, idempotency_key="once")
    assert again.id == job_id
    bench.enter(job_id, data)
    bench.finish()
    assert bench.violations() == []
