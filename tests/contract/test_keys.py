"""API keys and shares, in Redis and in memory: kept, found, revoked; requests and pages in flight bounded."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from producer.backends.memory_objects import MemoryObjectStore
from producer.contract.errors import NotFound, RateLimited, Unauthorized
from producer.contract.jobs import JobError, JobState
from producer.contract.keys import ApiKey, KeyRequest, KeyRow, Scope
from producer.contract.leases import LostJob, Plan
from producer.keyring import KeyRing
from tests.contract.job_stores import JobStores, new_job

START = datetime(2026, 1, 1, tzinfo=UTC)
STUCK = JobError(code="page_timeout", message="too slow", retryable=True)


def row(key_id: str, *, age_s: int = 0) -> KeyRow:
    made = START - timedelta(seconds=age_s)
    return KeyRow(api_key=ApiKey(id=key_id, owner="a", scopes=(Scope.READ,), created_at=made), digest="d" * 64)


def test_a_key_is_kept_found_listed_by_age_and_gone_once_removed(stores: JobStores) -> None:
    young, old = row("1"), row("2", age_s=60)
    stores.keys.add(young)
    stores.keys.add(old)
    assert stores.keys.find("1") == young
    assert stores.keys.rows() == [old, young]
    assert stores.keys.remove("1")
    assert not stores.keys.remove("1")
    assert stores.keys.find("1") is None
    assert stores.keys.rows() == [old]


def test_the_copy_of_a_key_never_has_its_secret_and_goes_with_it(stores: JobStores) -> None:
    objects = MemoryObjectStore()
    ring = KeyRing(stores.keys, objects)
    created = ring.create(KeyRequest(owner="a"))
    (copy,) = objects.keys("")
    assert created.key.rpartition("_")[2].encode() not in objects.get(copy)
    ring.revoke(created.api_key.id)
    assert list(objects.keys("")) == []
    with pytest.raises(NotFound):
        ring.revoke(created.api_key.id)


def test_a_key_that_is_revoked_while_it_is_put_back_stays_away(stores: JobStores) -> None:
    class Slow(MemoryObjectStore):
        """A key that was read from here is revoked before the reader goes on."""

        def get(self, key: str) -> bytes:
            body = super().get(key)
            ring.revoke(created.api_key.id)
            return body

    ring = KeyRing(stores.keys, Slow())
    created = ring.create(KeyRequest())
    stores.keys.remove(created.api_key.id)  # lost
    assert ring.restore() == 0
    with pytest.raises(Unauthorized):
        ring.recognise(created.key)


def test_a_key_that_has_ended_or_cannot_be_read_is_not_put_back(stores: JobStores) -> None:
    objects = MemoryObjectStore()
    over = row("0" * 16).api_key.model_copy(update={"expires_at": START})
    body = KeyRow(api_key=over, digest="d" * 64).model_dump_json().encode()
    objects.put("keys/0000000000000000.json", body, media_type="application/json")
    objects.put("keys/1111111111111111.json", b"{", media_type="application/json")
    assert KeyRing(stores.keys, objects).restore() == 0
    assert stores.keys.rows() == []


def test_a_key_may_ask_in_a_burst_and_then_waits_its_turn(stores: JobStores) -> None:
    waits = [stores.keys.admit("k", per_minute=30) for _ in range(5)]
    assert waits[:3] == [0, 0, 0]
    assert all(0 < wait_s <= 2 for wait_s in waits[3:])
    assert stores.keys.admit("other", per_minute=30) == 0


def test_a_refused_request_is_not_counted(stores: JobStores) -> None:
    assert stores.keys.admit("k", per_minute=1) == 0
    first, second = (stores.keys.admit("k", per_minute=1) for _ in range(2))
    assert 59 < second <= first <= 60


# --- pages in flight


def refused(stores: JobStores, *, owner: str = "a", max_pages: int) -> bool:
    """Whether one more job of the owner would be refused; it is taken back."""
    try:
        job = stores.jobs.submit(new_job(owner=owner, max_pages=max_pages))
    except RateLimited as error:
        assert error.retry_after_s > 0
        return True
    stores.jobs.forget(job.job_id)
    return False


def test_pages_of_unfinished_jobs_are_counted_from_the_moment_they_are_known(stores: JobStores) -> None:
    stores.submit(owner="a")
    assert not refused(stores, max_pages=2)
    assert refused(stores, max_pages=1)
    lease = stores.claim().lease
    stores.leases.plan(lease, Plan(page_count=9, pages_total=7, unit_pages=4))
    stores.leases.plan(lease, Plan(page_count=9, pages_total=7, unit_pages=4))
    assert refused(stores, max_pages=7)
    assert not refused(stores, max_pages=8)
    assert not refused(stores, owner="b", max_pages=1)


@pytest.mark.parametrize("end", ["finished", "cancelled", "forgotten", "expired"])
def test_the_pages_of_a_job_that_has_ended_are_free_again(stores: JobStores, end: str) -> None:
    job_id = stores.submit(owner="a", ttl_s=0 if end == "expired" else 60)
    match end:
        case "finished":
            lease = stores.claim().lease
            stores.leases.plan(lease, Plan(page_count=5, pages_total=5, unit_pages=5))
            stores.leases.finish(lease, JobState.FAILED, error=STUCK, outputs={}, is_dead=True)
        case "cancelled":
            stores.jobs.cancel(job_id)
        case "forgotten":
            stores.jobs.forget(job_id)
        case "expired":
            stores.upkeep.revisit(job_id)
            assert stores.jobs.get(job_id).job.status is JobState.EXPIRED
    assert not refused(stores, max_pages=1)


def test_a_job_that_is_run_again_counts_again(stores: JobStores) -> None:
    job_id = stores.submit(owner="a")
    stores.jobs.cancel(job_id)
    stores.jobs.retry(job_id)
    assert refused(stores, max_pages=1)
    stores.jobs.cancel(job_id)
    assert not refused(stores, max_pages=1)


def test_an_unfinished_job_that_was_lost_and_put_back_counts(stores: JobStores) -> None:
    job_id = stores.submit(owner="a")
    record = stores.jobs.get(job_id).model_copy()
    other = new_job(owner="a").id
    again = record.model_copy(update={"job": record.job.model_copy(update={"id": other})})
    stores.upkeep.restore(LostJob(record=again, pages={}, wait_s=60, keep_s=60))
    assert refused(stores, max_pages=2)
    assert not refused(stores, max_pages=3)


def test_a_submission_that_its_key_answers_is_never_refused_for_its_pages(stores: JobStores) -> None:
    first = stores.jobs.submit(new_job(owner="a", key="k", fingerprint="f", max_pages=1))
    again = stores.jobs.submit(new_job(owner="a", key="k", fingerprint="f", max_pages=1))
    assert again.job_id == first.job_id
