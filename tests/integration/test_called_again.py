"""A call whose answer was lost is sent again by the Redis client: it must not be done twice, nor refused."""

from __future__ import annotations

import uuid
from typing import Any

from producer.backends.redis_store import RedisJobStore
from producer.backends.redis_store.connection import Connection
from tests.contract.job_stores import CPU, new_job


def claim(connection: Connection, call: str) -> Any:  # Any: the nested answer that claim.lua states
    return connection.run("claim", CPU.holder, CPU.device, 60_000, call, *CPU.queues)


def test_the_same_call_gets_the_same_unit_and_another_call_the_next(store: RedisJobStore, redis_url: str) -> None:
    for _ in range(2):
        store.jobs.submit(new_job())
    connection, call = Connection(redis_url), uuid.uuid4().hex
    first = claim(connection, call)
    again, other = claim(connection, call), claim(connection, uuid.uuid4().hex)
    connection.close()
    assert again[:3] == first[:3]
    assert other[0] != first[0]
    assert store.jobs.get(first[0]).job.attempts == 1


def test_a_call_whose_unit_was_given_back_takes_it_anew(store: RedisJobStore, redis_url: str) -> None:
    store.jobs.submit(new_job())
    connection, call = Connection(redis_url), uuid.uuid4().hex
    job_id, unit, token, *_ = claim(connection, call)
    assert store.upkeep.due(limit=10) == []
    connection.run("release", job_id, unit, token, 0)
    again = claim(connection, call)
    connection.close()
    assert (again[0], again[1], again[2] != token) == (job_id, unit, True)


def ended(store: RedisJobStore) -> str:
    job_id = store.jobs.submit(new_job()).job_id
    store.jobs.cancel(job_id)
    return job_id


def test_a_retry_that_is_sent_again_is_answered_as_it_was_and_another_one_refused(
    store: RedisJobStore, redis_url: str
) -> None:
    job_id, connection, call = ended(store), Connection(redis_url), uuid.uuid4().hex
    first, again = (connection.run_list("retry", job_id, call) for _ in range(2))
    other = connection.run_list("retry", job_id, uuid.uuid4().hex)
    connection.close()
    assert first == again == ["queued", "ocr.any"]
    assert other == ["open", ""]
    assert [event.type for event in store.jobs.events(job_id)] == ["job.queued", "job.cancelled", "job.queued"]


def test_a_deletion_that_is_sent_again_is_done_and_another_one_finds_nothing(
    store: RedisJobStore, redis_url: str
) -> None:
    job_id, connection, call = ended(store), Connection(redis_url), uuid.uuid4().hex
    assert [connection.run("forget", job_id, call) for _ in range(2)] == ["done", "done"]
    assert connection.run("forget", job_id, uuid.uuid4().hex) == "missing"
    connection.close()
