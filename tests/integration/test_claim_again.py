"""A claim whose answer was lost is sent again by the Redis client: it must not take a second unit."""

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
