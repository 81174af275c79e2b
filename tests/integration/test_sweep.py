"""Expiry and retention: what is deleted, and what is left for `recover`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import redis

from producer.backends.memory_objects import MemoryObjectStore
from producer.backends.redis_store import PREFIX, RedisJobStore
from producer.contract import names
from producer.contract.errors import Expired, NotFound
from producer.contract.jobs import JobError, JobState
from producer.contract.manifest import Manifest
from producer.direct import Producer
from tests.integration.conftest import LIMITS
from tests.integration.serving import PNG, taken, work
from workers.sweep import Sweep

KEPT = timedelta(seconds=LIMITS.job_ttl_s + LIMITS.result_ttl_s)
BROKEN = JobError(code="unreadable_document", message="broken")


@pytest.fixture
def sweep(store: RedisJobStore, objects: MemoryObjectStore) -> Sweep:
    return Sweep(store, objects, orphan_age=KEPT)


@pytest.fixture
def client(redis_url: str) -> redis.Redis:
    return redis.Redis.from_url(redis_url, decode_responses=True)


def make_outdated(client: redis.Redis, job_id: str) -> None:
    client.zadd(f"{PREFIX}keep", {job_id: 1})
    client.hset(f"{PREFIX}job:{job_id}", "keep_until_ms", 1)


def old_id(age: timedelta, serial: int = 0) -> str:
    """The id of a job made that long ago."""
    made_ms = int((datetime.now(tz=UTC) - age).timestamp() * 1000)
    return f"{made_ms:012x}7{serial:019x}"


def stored(objects: MemoryObjectStore) -> set[str]:
    return {key.split("/")[1] for key in objects.keys("jobs/")}


def test_every_end_is_swept_once_its_retention_is_over(
    producer: Producer, store: RedisJobStore, objects: MemoryObjectStore, client: redis.Redis, sweep: Sweep
) -> None:
    succeeded = producer.submit(PNG).id
    work(store, objects, succeeded)
    failed = producer.submit(PNG).id
    store.leases.finish(taken(store, failed), JobState.FAILED, error=BROKEN, outputs={}, is_dead=True)
    cancelled = producer.cancel(producer.submit(PNG).id).id
    expired = producer.submit(PNG, device="npu").id
    client.zadd(f"{PREFIX}due", {expired: 1})
    store.upkeep.revisit(expired)
    kept = producer.submit(PNG).id
    assert sweep.step() == 0
    for job_id in (succeeded, failed, cancelled, expired):
        make_outdated(client, job_id)
    assert sweep.step() == 4
    assert stored(objects) == {kept}
    assert producer.dead_letters() == []
    assert sweep.step() == 0
    with pytest.raises(Expired):
        producer.result(succeeded)
    with pytest.raises(Expired):
        producer.retry(failed)
    assert producer.status(expired).status is JobState.EXPIRED


def test_nothing_in_redis_lives_for_ever(
    producer: Producer, store: RedisJobStore, objects: MemoryObjectStore, client: redis.Redis, sweep: Sweep
) -> None:
    jobs = [
        producer.submit(PNG, idempotency_key="k", reuse=True, webhook={"url": "https://example.org"}, priority="high"),
        producer.submit(PNG, webhook={"url": "https://example.org"}),
        producer.submit(PNG, device="npu"),
    ]
    work(store, objects, jobs[0].id)
    lease = taken(store, jobs[1].id)
    store.leases.release(lease, delay_s=0)
    store.leases.finish(taken(store, jobs[1].id), JobState.FAILED, error=BROKEN, outputs={}, is_dead=True)
    producer.retry(jobs[1].id)
    producer.cancel(jobs[1].id)
    producer.delete(jobs[2].id)
    indexes = {f"{PREFIX}{name}" for name in ("due", "keep", "dead", "webhooks", "queues")}
    lasting = {key for key in client.keys(f"{PREFIX}*") if client.ttl(key) < 0}
    assert lasting <= indexes
    assert client.zcard(f"{PREFIX}due") == 0
    for job in jobs[:2]:
        make_outdated(client, job.id)
    sweep.step()
    assert client.zcard(f"{PREFIX}keep") == client.zcard(f"{PREFIX}dead") == 0


def test_bytes_whose_submission_made_no_job_are_deleted_when_nobody_can_want_them(
    producer: Producer, objects: MemoryObjectStore, sweep: Sweep
) -> None:
    orphan, recent = old_id(KEPT + timedelta(minutes=1)), old_id(KEPT - timedelta(minutes=1))
    for job_id in (orphan, recent):
        objects.put(names.input_key(job_id, "page.png"), PNG, media_type="image/png")
    never = "f" * 32  # 48 bits of milliseconds reach far beyond the last year that there is
    objects.put("jobs/notes.txt", b"not ours", media_type="text/plain")
    objects.put(f"jobs/{never}/x", b"not ours", media_type="text/plain")
    objects.put(f"uploads/{never}/x", b"not ours", media_type="text/plain")
    known = producer.submit(PNG).id
    assert sweep.step() == 1
    assert stored(objects) == {recent, known, "notes.txt", never}
    assert list(objects.keys("uploads/")) == [f"uploads/{never}/x"]


def test_an_old_job_with_a_record_is_no_orphan(
    producer: Producer, store: RedisJobStore, objects: MemoryObjectStore
) -> None:
    job_id = producer.submit(PNG).id
    sweep = Sweep(store, objects, orphan_age=timedelta(0))
    assert sweep.step() == 0
    assert stored(objects) == {job_id}


def test_a_lost_job_is_left_for_recovery_as_long_as_its_manifest_says(
    producer: Producer, objects: MemoryObjectStore, client: redis.Redis, store: RedisJobStore
) -> None:
    job_id = producer.submit(PNG, ttl_s=7200).id
    client.flushdb()
    sweep = Sweep(store, objects, orphan_age=timedelta(0), monotonic=iter(range(0, 100_000, 4000)).__next__)
    assert sweep.step() == 0
    key = names.manifest_key(job_id)
    manifest = Manifest.model_validate_json(objects.get(key))
    old = manifest.model_copy(update={"written_at": manifest.written_at - timedelta(seconds=7200 + 3601)})
    objects.put(key, old.model_dump_json().encode(), media_type="application/json")
    assert sweep.step() == 1
    assert stored(objects) == set()
    with pytest.raises(NotFound):
        producer.status(job_id)


def test_many_orphans_are_deleted_in_batches_and_then_looked_for_every_hour(
    objects: MemoryObjectStore, store: RedisJobStore
) -> None:
    now = 0.0
    sweep = Sweep(store, objects, orphan_age=KEPT, monotonic=lambda: now)
    for serial in range(45):
        key = names.input_key(old_id(2 * KEPT, serial), "page.png")
        objects.put(key, PNG, media_type="image/png")
    assert [sweep.step() for _ in range(4)] == [20, 20, 5, 0]
    objects.put(names.input_key(old_id(2 * KEPT), "page.png"), PNG, media_type="image/png")
    assert sweep.step() == 0
    now = 3601.0
    assert sweep.step() == 1
