"""The rights of our user of Redis, as docker/redis-user.acl has them: enough for everything, and little more."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import redis

from producer.connect import connect, connect_recovery
from producer.contract.jobs import JobRequest, JobState
from producer.settings import Settings
from tests.deployment.dockerfile import ROOT
from tests.faults.commands import READ, document
from tests.faults.nodes import Node, nothing_left, stand_in
from tests.servers.redis import redis_server

RIGHTS = (ROOT / "docker" / "redis-user.acl").read_text().split()


@pytest.fixture
def administrator() -> Iterator[redis.Redis]:
    with redis_server() as server, redis.Redis.from_url(server.url, decode_responses=True) as client:
        words = ["secret".join(word.split("PASSWORD")) for word in RIGHTS]
        client.execute_command("ACL", "SETUSER", *words[1:])
        yield client


def url_of(administrator: redis.Redis) -> str:
    return f"redis://ocrfleet:secret@127.0.0.1:{administrator.get_connection_kwargs()['port']}/0"


def test_a_fleet_needs_no_other_rights(administrator: redis.Redis, tmp_path: Path) -> None:
    url, store = url_of(administrator), (tmp_path / "objects").as_uri()
    settings = Settings(redis_url=url, store_url=store)
    environment = {**stand_in(tmp_path), "OCRFLEET_REDIS_URL": url, "OCRFLEET_STORE_URL": store}
    with (
        nothing_left(tmp_path),
        Node("io", tmp_path, environment),
        Node("device", tmp_path, environment),
        closing(connect(settings)) as producer,
    ):
        job = producer.submit(document([READ] * 6), JobRequest(tag="six", priority="high"), idempotency_key="once")
        producer.ping()
        ended = producer.wait(job.id, timeout_s=120)
        producer.fleet()
        producer.events(job.id)
        producer.changes(after=producer.changes(after=None).position)
        list(producer.jobs(tag="six"))
        cancelled = producer.submit(document([READ]), JobRequest(device="npu"))
        producer.cancel(cancelled.id)
        producer.retry(cancelled.id)
        producer.delete(cancelled.id)
        producer.delete(job.id)
        connect_recovery(settings).run()
    assert ended.status is JobState.SUCCEEDED
    assert administrator.acl_log() == []


@pytest.mark.parametrize(
    "command",
    [("FLUSHALL",), ("CONFIG", "GET", "*"), ("KEYS", "*"), ("SHUTDOWN",), ("GET", "another:key"), ("MONITOR",)],
    ids=lambda command: command[0],
)
def test_what_a_fleet_does_not_need_is_refused(administrator: redis.Redis, command: tuple[str, ...]) -> None:
    with redis.Redis.from_url(url_of(administrator)) as client, pytest.raises(redis.exceptions.NoPermissionError):
        client.execute_command(*command)
