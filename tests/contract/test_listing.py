"""Listing jobs, in Redis and in memory: newest first, by state and tag, page by page, each owner apart."""

from __future__ import annotations

import pytest
from redis import Redis

from producer.backends.redis_store import PREFIX, RedisJobStore
from producer.contract.jobs import JobError, JobState
from producer.contract.leases import LostJob
from producer.contract.listing import JobFilter
from tests.contract.job_stores import JobStores, new_job
from tests.servers.redis import RedisServer

STUCK = JobError(code="page_timeout", message="too slow", retryable=True)
_DATABASE = 14


def listed(stores: JobStores, *states: JobState, owner: str = "", tag: str | None = None) -> list[str]:
    page = stores.jobs.page_of(JobFilter(owner=owner, states=states, tag=tag), after=None, limit=100)
    assert page.cursor is None
    return [record.job.id for record in page.records]


def test_jobs_are_listed_newest_first_and_pages_of_them_join_without_gap_or_repetition(stores: JobStores) -> None:
    made = [stores.submit() for _ in range(7)]
    stores.jobs.cancel(made[2])
    stores.claim()
    found, cursor, pages = [], None, 0
    while True:
        page = stores.jobs.page_of(JobFilter(), after=cursor, limit=3)
        found += [record.job.id for record in page.records]
        cursor, pages = page.cursor, pages + 1
        if cursor is None:
            break
    assert found == sorted(made, reverse=True)
    assert pages == 3


def test_a_job_made_while_somebody_pages_moves_nothing_on_the_later_pages(stores: JobStores) -> None:
    made = [stores.submit() for _ in range(4)]
    first = stores.jobs.page_of(JobFilter(), after=None, limit=2)
    stores.submit()
    second = stores.jobs.page_of(JobFilter(), after=first.cursor, limit=2)
    assert [record.job.id for record in (*first.records, *second.records)] == made[::-1]
    assert second.cursor is None


def test_a_job_is_listed_under_the_state_it_is_in(stores: JobStores) -> None:
    lease = stores.start()
    waiting = stores.submit()
    assert listed(stores, JobState.RUNNING) == [lease.job_id]
    assert listed(stores, JobState.QUEUED) == [waiting]
    stores.leases.finish(lease, JobState.FAILED, error=STUCK, outputs={}, is_dead=True)
    assert listed(stores, JobState.RUNNING) == []
    assert listed(stores, JobState.FAILED) == [lease.job_id]
    assert listed(stores, JobState.FAILED, JobState.QUEUED) == [waiting, lease.job_id]
    stores.jobs.retry(lease.job_id)
    assert listed(stores, JobState.FAILED) == []
    assert listed(stores, JobState.QUEUED) == [waiting, lease.job_id]
    stores.jobs.cancel(waiting)
    assert listed(stores, JobState.CANCELLED) == [waiting]


def test_a_tag_lists_its_jobs_in_every_state(stores: JobStores) -> None:
    lease = stores.start(tag="may: 1")
    waiting, _other = stores.submit(tag="may: 1"), stores.submit(tag="may")
    assert listed(stores, tag="may: 1") == [waiting, lease.job_id]
    assert listed(stores, JobState.QUEUED, tag="may: 1") == [waiting]
    assert listed(stores, tag="june") == []


def test_a_batch_counts_its_jobs_by_state_and_lists_them(stores: JobStores) -> None:
    batch = "b" * 32
    made = [stores.jobs.submit(new_job({"tag": "t"}, owner="a", batch=batch)).job_id for _ in range(3)]
    stores.submit(owner="a", tag="t")
    stores.jobs.cancel(made[0])
    stores.claim()
    counts = stores.jobs.batch("a", batch)
    assert set(counts) == set(JobState)
    assert {state: count for state, count in counts.items() if count} == {
        JobState.QUEUED: 1,
        JobState.RUNNING: 1,
        JobState.CANCELLED: 1,
    }
    page = stores.jobs.page_of(JobFilter(owner="a", batch=batch), after=None, limit=10)
    assert [record.job.id for record in page.records] == made[::-1]
    assert page.records[0].batch == batch
    stores.jobs.forget(made[1])
    assert sum(stores.jobs.batch("a", batch).values()) == 2
    assert not any(stores.jobs.batch("b", batch).values())


def test_an_owner_sees_its_own_jobs_and_dead_letters_only(stores: JobStores) -> None:
    mine, theirs = stores.submit(owner="a"), stores.submit(owner="b")
    assert listed(stores, owner="a") == [mine]
    assert listed(stores, owner="b") == [theirs]
    assert listed(stores) == []
    for _ in range(2):
        lease = stores.claim().lease
        stores.leases.finish(lease, JobState.FAILED, error=STUCK, outputs={}, is_dead=True)
    assert stores.jobs.dead(limit=10, owner="a") == [mine]
    assert set(stores.jobs.dead(limit=10)) == {mine, theirs}
    stores.jobs.retry(mine)
    assert stores.jobs.dead(limit=10, owner="a") == []
    assert stores.jobs.dead(limit=10) == [theirs]


def test_a_job_that_is_deleted_or_swept_is_listed_no_more(stores: JobStores) -> None:
    deleted, swept, kept = stores.submit(tag="t"), stores.submit(tag="t"), stores.submit(tag="t")
    stores.jobs.cancel(swept)
    stores.jobs.forget(deleted)
    stores.upkeep.mark_swept(swept)
    assert listed(stores) == listed(stores, tag="t") == [kept]
    assert stores.jobs.get(swept).job.status is JobState.CANCELLED


def test_a_job_that_was_lost_and_put_back_is_listed_again(stores: JobStores) -> None:
    new = new_job({"tag": "t"})
    stores.jobs.submit(new)
    record = stores.jobs.get(new.id)
    lost = new_job({"tag": "t"}).id
    again = record.model_copy(update={"job": record.job.model_copy(update={"id": lost})})
    stores.upkeep.restore(LostJob(record=again, pages={}, wait_s=60, keep_s=60))
    assert listed(stores, JobState.QUEUED, tag="t") == [lost, new.id]


@pytest.fixture
def client(redis_server: RedisServer) -> Redis:
    client = Redis.from_url(redis_server.database_url(_DATABASE), decode_responses=True)
    client.flushdb()
    return client


def test_a_record_that_redis_let_go_of_is_left_out_and_its_row_taken_off(
    client: Redis, redis_server: RedisServer
) -> None:
    store = RedisJobStore(redis_server.database_url(_DATABASE))
    gone, kept = (store.jobs.submit(new_job()).job_id for _ in range(2))
    client.delete(f"{PREFIX}job:{gone}")
    page = store.jobs.page_of(JobFilter(), after=None, limit=10)
    store.close()
    assert [record.job.id for record in page.records] == [kept]
    assert client.zrange(f"{PREFIX}list::queued", 0, -1) == [kept]
    client.close()


def test_an_index_lives_as_long_as_the_job_that_is_kept_longest(client: Redis, redis_server: RedisServer) -> None:
    store = RedisJobStore(redis_server.database_url(_DATABASE))
    for ttl_s in (100, 100_000, 100):
        store.jobs.submit(new_job(ttl_s=ttl_s))
    store.close()
    assert client.ttl(f"{PREFIX}list::queued") > 100_000
    client.close()


def test_a_page_costs_the_same_among_many_jobs_and_a_waiting_job_stays_under_1500_bytes(
    client: Redis, redis_server: RedisServer
) -> None:
    """The page by the commands that Redis runs for it, so that the machine has no say."""
    store = RedisJobStore(redis_server.database_url(_DATABASE))
    before = client.info("memory")["used_memory"]
    costs = []
    request: dict[str, object] = {"tag": "t", "metadata": {"order": 12345678}}
    for _ in range(2):
        for _ in range(1000):
            store.jobs.submit(new_job(request, owner="tenant", max_open=10_000))
        client.config_resetstat()
        store.jobs.page_of(JobFilter(owner="tenant", tag="t"), after=None, limit=50)
        calls = client.info("commandstats")
        costs.append(
            {name: calls[name]["calls"] for name in calls if name in ("cmdstat_hgetall", "cmdstat_zrevrangebylex")}
        )
    bytes_a_job = (client.info("memory")["used_memory"] - before) / 2000
    store.close()
    client.close()
    assert costs[0] == costs[1] == {"cmdstat_hgetall": 50, "cmdstat_zrevrangebylex": len(JobState)}
    assert bytes_a_job < 1500, bytes_a_job
