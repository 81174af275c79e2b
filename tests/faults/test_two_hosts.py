"""Two supervisors with folders of their own share one Redis and one S3 server, and one of them is lost."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from redis import Redis

from producer.connect import connect, connect_objects
from producer.contract.errors import NotFound
from producer.contract.fleet import WorkerState
from producer.contract.jobs import JobRequest
from producer.direct import Producer
from producer.settings import Settings
from tests.acceptance.conftest import nothing_is_left, processes
from tests.faults.caseload import DRAINED_S, FILENAME, FaultlessRun
from tests.faults.collect import Collector, settled
from tests.faults.commands import document, sleep
from tests.faults.engine import DIR_VARIABLE, Desk
from tests.faults.fleet import SHORT_TIMES
from tests.faults.ledger import Expected
from tests.faults.nodes import STAND_IN
from tests.servers.moto_s3 import MotoServer
from tests.servers.process import ServerProcess, wait_until
from tests.servers.redis import redis_server

READY_S = 120.0
JOBS, PAGES, PAGE_S = 12, 4, 0.25


@dataclass(kw_only=True, slots=True)
class Hosts:
    """The supervisors, and what is between them."""

    folder: Path
    settings: Settings
    environment: dict[str, str]
    producer: Producer
    collector: Collector
    supervisors: dict[str, ServerProcess] = field(default_factory=dict)

    def data_dir(self, name: str) -> Path:
        return self.folder / name

    def start(self, name: str) -> None:
        command = [sys.executable, "-m", "workers", "up", "--devices", "cpu", "--processes", "1", "--port", "0"]
        command += ["--data-dir", str(self.data_dir(name))]
        self.supervisors[name] = ServerProcess(command, self.folder / f"{name}.log", self.environment)

    def lose(self, name: str) -> None:
        """As a machine whose power fails: every process of the host at once."""
        while found := processes(self.data_dir(name)):
            for pid in found:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        self.supervisors[name].kill()

    def workers(self) -> int:
        return sum(one.state in (WorkerState.READY, WorkerState.BUSY) for one in self.producer.fleet().workers)

    def readers(self) -> set[int]:
        """The processes that have begun a page."""
        return {entry.pid for entry in Desk(self.folder).log()}


@pytest.fixture
def hosts(tmp_path: Path, moto_server: MotoServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hosts]:
    address = moto_server.address
    for name, value in address.environment.items():
        monkeypatch.setenv(name, value)
    with redis_server(fsync="always") as server, ExitStack() as stack:
        settings = Settings(
            redis_url=server.url,
            store_url=f"s3://{address.new_bucket()}/prod",
            s3_endpoint_url=address.endpoint_url,
            s3_region=address.region,
        )
        named = {name: getattr(settings, name) for name in ("redis_url", "store_url", "s3_endpoint_url", "s3_region")}
        producer = connect(settings)
        stack.callback(producer.close)
        client = stack.enter_context(Redis.from_url(server.url, decode_responses=True))
        hosts = Hosts(
            folder=tmp_path,
            settings=settings,
            environment={
                **os.environ,
                **SHORT_TIMES,
                **{f"OCRFLEET_{name.upper()}": str(value) for name, value in named.items()},
                DIR_VARIABLE: str(tmp_path),
                "OCRFLEET_WORKER_ENGINE": STAND_IN,
                "OCRFLEET_UNIT_PAGES": "2",
            },
            producer=producer,
            collector=Collector(client=client, store=producer._store, objects=connect_objects(settings)),
        )
        try:
            for name in ("first", "second"):
                hosts.start(name)
            wait_until(lambda: hosts.workers() == 2, lambda: (tmp_path / "first.log").read_text(), timeout_s=READY_S)
            yield hosts
        finally:
            for name in hosts.supervisors:
                hosts.lose(name)
    nothing_is_left(tmp_path)


def test_two_hosts_share_the_work_and_the_loss_of_one_costs_nothing(hosts: Hosts) -> None:
    faultless, accepted = FaultlessRun(hosts.folder), {}
    for number in range(JOBS):
        data = document([sleep(PAGE_S)] * PAGES, first_number=number * PAGES)
        job = hosts.producer.submit(data, JobRequest(outputs=("json",)), filename=FILENAME)
        accepted[job.id] = Expected(pages=dict(faultless.pages_of(data)))
    wait_until(lambda: len(hosts.readers()) == 2, lambda: "one host reads all", timeout_s=READY_S)
    hosts.lose("second")
    wait_until(lambda: is_over(hosts, accepted), lambda: str(hosts.producer.fleet()), timeout_s=DRAINED_S)
    assert settled(lambda: hosts.collector.facts(accepted, [])) == []


def is_over(hosts: Hosts, accepted: dict[str, Expected]) -> bool:
    with suppress(NotFound):
        return not any(hosts.collector.is_open(job_id) for job_id in accepted) and hosts.collector.is_quiet()
    return False
