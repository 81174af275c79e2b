"""Jobs through a real worker with an engine that reads nothing, counted at Redis and at an S3 server."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import redis

from benchmarks.sizing.counters import Calls, RedisCounts, counted_calls, redis_counts, s3_requests
from producer.connect import connect
from producer.contract.jobs import JobRequest, JobState
from producer.direct import Producer
from producer.settings import Settings
from tests.faults.commands import READ, document
from tests.faults.nodes import Node, stand_in
from tests.servers.moto_s3 import MotoServer
from tests.servers.redis import RedisServer

_SETTLE_S = 3.0
_WAIT_S = 900
_REQUEST = JobRequest(outputs=("json",))


@dataclass(frozen=True, kw_only=True, slots=True)
class Cost:
    """Of one job, or of one idle second. log: the append-only file. memory: kept until the retention ends."""

    redis_calls: float
    redis_calls_in_scripts: float
    redis_processor_ms: float
    redis_in_bytes: float
    redis_out_bytes: float
    redis_log_bytes: float
    redis_memory_bytes: float
    redis_commands: Mapping[str, float]
    s3_requests: Mapping[str, float]

    def as_dict(self) -> dict[str, object]:
        return {name: _rounded(value) for name, value in asdict(self).items()}


@dataclass(frozen=True, kw_only=True, slots=True)
class System:
    """One Redis, one S3 server, and a producer on both."""

    redis_url: str
    client: redis.Redis
    producer: Producer
    requests: Path

    def idle(self, *, seconds: float) -> Cost:
        """A second of whatever runs, with nothing to do."""
        time.sleep(_SETTLE_S)
        before = redis_counts(self.client)
        time.sleep(seconds)
        counts = redis_counts(self.client) - before
        with counted_calls(self.redis_url) as calls:
            time.sleep(seconds)
        return _cost(counts, calls, Counter(), shares=seconds)

    def of_jobs(self, jobs: int, *, pages: int) -> Cost:
        """A job of so many pages, the share of what the idle parts do meanwhile included."""
        before, asked = redis_counts(self.client), s3_requests(self.requests)
        ids = self._run(jobs, pages=pages, first=0)
        counts, requests = redis_counts(self.client) - before, s3_requests(self.requests) - asked
        with counted_calls(self.redis_url) as calls:
            ids += self._run(jobs, pages=pages, first=jobs)
        if any(self.producer.status(job_id).status is not JobState.SUCCEEDED for job_id in ids):
            raise RuntimeError("a job did not succeed: its cost says nothing")
        return _cost(counts, calls, requests, shares=jobs)

    def warm_up(self) -> None:
        """Jobs that are not counted: scripts are loaded, and connections made."""
        self._run(20, pages=1, first=1_000_000)

    def _run(self, jobs: int, *, pages: int, first: int) -> list[str]:
        """Submit them all, and ask for the last one's state once a second, so that asking counts for little."""
        documents = [
            document([READ] * pages, first_number=(first + number) * pages + pages * 10_000) for number in range(jobs)
        ]
        ids = [self.producer.submit(one, _REQUEST).id for one in documents]
        deadline = time.monotonic() + _WAIT_S
        while not self.producer.status(ids[-1]).status.is_terminal:
            if time.monotonic() > deadline:
                raise RuntimeError(f"the jobs do not end within {_WAIT_S} s")
            time.sleep(1)
        time.sleep(_SETTLE_S)  # units of documents take turns: the last document may not be the last to end
        return ids


@contextmanager
def system(server: RedisServer, folder: Path) -> Iterator[tuple[System, Mapping[str, str]]]:
    """The servers with nothing on them, and the environment of a worker."""
    moto = MotoServer(folder)
    with ExitStack() as stack:
        stack.callback(moto.kill)
        os.environ.update(moto.address.environment)  # where boto3 looks for credentials
        bucket = moto.address.new_bucket()
        settings = Settings(
            redis_url=server.url,
            store_url=f"s3://{bucket}",
            s3_endpoint_url=moto.address.endpoint_url,
            s3_region=moto.address.region,
        )
        producer = stack.enter_context(closing(connect(settings)))
        client = stack.enter_context(redis.Redis.from_url(server.url))
        environment = {
            **moto.address.environment,
            **stand_in(folder),
            "OCRFLEET_REDIS_URL": server.url,
            "OCRFLEET_STORE_URL": f"s3://{bucket}",
            "OCRFLEET_S3_ENDPOINT_URL": moto.address.endpoint_url,
            "OCRFLEET_S3_REGION": moto.address.region,
        }
        yield System(redis_url=server.url, client=client, producer=producer, requests=folder / "moto.log"), environment


def measure_costs(server: RedisServer, folder: Path, *, jobs: int, documents: int) -> dict[str, Cost]:
    """A second of Redis alone, of an idle worker and of an io worker, a one-page job, and a job of 100 pages."""
    with system(server, folder) as (one, environment):
        alone = one.idle(seconds=15)
        with Node("device", folder, environment) as worker:
            worker.wait_ready()
            with_worker = one.idle(seconds=15)
            with Node("io", folder, environment) as io:
                io.wait_ready()
                with_both = one.idle(seconds=15)
                one.warm_up()
                return {
                    "idle_redis_second": alone,
                    "idle_worker_second": _less(with_worker, alone),
                    "idle_io_second": _less(with_both, with_worker),
                    "one_page_job": one.of_jobs(jobs, pages=1),
                    "hundred_page_job": one.of_jobs(documents, pages=100),
                }


def _cost(counts: RedisCounts, calls: Calls, requests: Counter[str], *, shares: float) -> Cost:
    return Cost(
        redis_calls=calls.sent / shares,
        redis_calls_in_scripts=calls.in_scripts / shares,
        redis_processor_ms=counts.processor_s * 1000 / shares,
        redis_in_bytes=counts.in_bytes / shares,
        redis_out_bytes=counts.out_bytes / shares,
        redis_log_bytes=counts.log_bytes / shares,
        redis_memory_bytes=counts.memory_bytes / shares,
        redis_commands={name: count / shares for name, count in calls.by_name.most_common()},
        s3_requests={name: count / shares for name, count in requests.most_common()},
    )


def _less(whole: Cost, part: Cost) -> Cost:
    """What is left of an idle second without a part that was measured alone."""
    numbers = {
        name: getattr(whole, name) - getattr(part, name)
        for name in ("redis_calls", "redis_calls_in_scripts", "redis_processor_ms", "redis_in_bytes", "redis_out_bytes")
    }
    commands = Counter(whole.redis_commands)
    commands.subtract(part.redis_commands)
    return replace(whole, **numbers, redis_commands=dict(commands))


def _rounded(value: object) -> object:
    if isinstance(value, Mapping):
        return {name: round(count, 2) for name, count in value.items()}
    return round(value, 2) if isinstance(value, float) else value
