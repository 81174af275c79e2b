"""Redis behind a Sentinel, spoken to in TLS: the master is lost while jobs run, and the ledger balances."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import RedisError

from producer.backends.redis_address import client_of
from producer.backends.redis_store import PREFIX, RedisJobStore
from producer.connect import connect, connect_objects
from producer.contract.errors import NotFound, Unavailable
from producer.contract.jobs import JobRequest
from producer.settings import Settings
from tests.faults.caseload import DRAINED_S, FILENAME, FaultlessRun
from tests.faults.collect import Collector, settled
from tests.faults.commands import document, sleep
from tests.faults.engine import Desk
from tests.faults.fleet import SHORT_TIMES
from tests.faults.ledger import Expected
from tests.faults.nodes import Node, nothing_left, stand_in
from tests.servers.process import wait_until
from tests.servers.sentinel import Watched, watched_redis

JOBS, PAGES, PAGE_S, READ_BEFORE = 6, 4, 0.3, 4


@pytest.fixture
def watched() -> Iterator[Watched]:
    with watched_redis(tls=True) as watched:
        yield watched


def test_a_failover_while_jobs_run_costs_nothing(watched: Watched, tmp_path: Path) -> None:
    settings = Settings(redis_url=watched.url, store_url=(tmp_path / "objects").as_uri())
    environment = {
        **SHORT_TIMES,
        **stand_in(tmp_path),
        "OCRFLEET_REDIS_URL": watched.url,
        "OCRFLEET_STORE_URL": str(settings.store_url),
        "OCRFLEET_UNIT_PAGES": "2",
    }
    producer, faultless = connect(settings), FaultlessRun(tmp_path)
    with nothing_left(tmp_path), Node("io", tmp_path, environment) as io, Node("device", tmp_path, environment) as node:
        for one in (io, node):
            one.wait_ready()
        accepted = {}
        for number in range(JOBS):
            data = document([sleep(PAGE_S)] * PAGES, first_number=number * PAGES)
            job = producer.submit(data, JobRequest(outputs=("json",)), filename=FILENAME)
            accepted[job.id] = Expected(pages=dict(faultless.pages_of(data)))
        with Redis(port=watched.replica_port) as replica:
            wait_until(lambda: all(replica.exists(f"{PREFIX}job:{job}") for job in accepted), lambda: "not replicated")
        wait_until(lambda: len(Desk(tmp_path).log()) >= READ_BEFORE, node.tail, timeout_s=DRAINED_S)
        watched.master.kill()
        wait_until(watched.promoted, lambda: "nobody was made the master")
        collector = Collector(
            client=client_of(watched.url, decode_responses=True, socket_timeout=5),
            store=RedisJobStore(watched.url),
            objects=connect_objects(settings),
        )
        wait_until(lambda: is_over(collector, accepted), node.tail, timeout_s=DRAINED_S)
        assert settled(lambda: collector.facts(accepted, [])) == []
    producer.close()


def is_over(collector: Collector, accepted: dict[str, Expected]) -> bool:
    with suppress(NotFound, Unavailable, RedisError):
        return not any(collector.is_open(job_id) for job_id in accepted) and collector.is_quiet()
    return False
