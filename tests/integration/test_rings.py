"""A backlog that waits for long does not feed itself: rings at its doors stay as few as there are doors."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from redis import Redis

from producer.backends.celery_queue import KEY_PREFIX, CeleryQueue
from producer.backends.local_objects import LocalObjectStore
from producer.backends.redis_store import PREFIX, RedisJobStore
from producer.contract.leases import NewJob, Plan
from producer.contract.sources import UrlSource
from tests.contract.job_stores import CPU, new_job
from workers.reconciler import Reconciler
from workers.sweep import Sweep

SECONDS = 600  # the reconciler takes a step each second
PAGES = 5_000


@pytest.fixture
def queue(redis_url: str) -> Iterator[CeleryQueue]:
    with closing(CeleryQueue(redis_url)) as queue:
        yield queue


@pytest.fixture
def reconciler(store: RedisJobStore, queue: CeleryQueue, tmp_path: Path) -> Reconciler:
    return Reconciler(store, queue, Sweep(store, LocalObjectStore(tmp_path), orphan_age=timedelta(days=1)))


def submit(store: RedisJobStore, queue: CeleryQueue, new: NewJob) -> None:
    ring = store.jobs.submit(new).ring
    assert ring
    queue.ring(ring)


def messages(client: Redis) -> dict[str, int]:
    """How many wait in each list of the broker."""
    keys = [str(key) for key in client.scan_iter(f"{KEY_PREFIX}*", _type="list", count=1000)]
    return {key.removeprefix(KEY_PREFIX): int(client.llen(key)) for key in keys}


def test_ten_minutes_of_a_backlog_of_pages_leave_one_ring_at_each_door(
    store: RedisJobStore, queue: CeleryQueue, reconciler: Reconciler, redis_url: str
) -> None:
    for number in range(PAGES):
        request: dict[str, object] = {
            "device": ("auto", "cpu", "gpu:1")[number % 3],
            "priority": ("low", "high")[number % 2],
        }
        submit(store, queue, new_job(request, max_open=PAGES + 2))
    remote = UrlSource(url="https://example.org/a.pdf")
    submit(store, queue, new_job(remote=remote, max_open=PAGES + 2))
    with Redis.from_url(redis_url, decode_responses=True) as client:
        for _ in range(SECONDS):
            reconciler.step()
        assert messages(client) == {"ocr.any": 1, "ocr.cpu": 1, "ocr.gpu.1": 1, "ocr.fetch": 1}


def test_units_of_dead_workers_that_nobody_takes_leave_one_ring(
    store: RedisJobStore, reconciler: Reconciler, redis_url: str
) -> None:
    """A document of 5,000 pages, all the units in work that it may have; their worker is dead, and no other comes."""
    store.jobs.submit(new_job(max_pages=PAGES))
    first = store.leases.claim(CPU, lease_s=0)
    assert first
    store.leases.plan(first.lease, Plan(page_count=PAGES, pages_total=PAGES, unit_pages=8))
    while store.leases.claim(CPU, lease_s=0):
        pass
    with Redis.from_url(redis_url, decode_responses=True) as client:
        for _ in range(SECONDS):
            reconciler.step()
        assert messages(client) == {"ocr.any": 1}
        assert client.zcard(f"{PREFIX}due") == 1  # the job's own time; each lease was taken back once


def test_those_who_submit_at_once_leave_at_most_a_ring_each(
    store: RedisJobStore, queue: CeleryQueue, redis_url: str
) -> None:
    """Looking whether one waits and ringing are two steps. Rings too many are heard once and not rung again."""
    at_once = 8

    def caller(_number: int) -> None:
        for _ in range(50):
            submit(store, queue, new_job(max_open=PAGES))

    with ThreadPoolExecutor(at_once) as pool, Redis.from_url(redis_url, decode_responses=True) as client:
        list(pool.map(caller, range(at_once)))
        assert 1 <= messages(client)["ocr.any"] <= at_once
