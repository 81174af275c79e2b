"""The job store on a real server: states, leases, fencing, idempotency, the webhook outbox."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis
import uuid_utils

from producer.backends.redis_jobs import PREFIX, RedisJobStore
from producer.contract.errors import IdempotencyMismatch, NotFound, Unavailable
from producer.contract.jobs import JobError, JobRequest, JobState, SourceInfo
from producer.contract.leases import ClaimAnswer, Lease, LeaseState, NewJob
from tests.servers.redis import redis_server

SOURCE = SourceInfo(filename="page.png", media_type="image/png", sha256="0" * 64, size_bytes=1)
WEBHOOK = {"url": "https://example.org/hook"}
UNREADABLE = JobError(code="unreadable_document", message="broken")


def new_job(
    request: dict[str, object] | None = None, *, key: str | None = None, fingerprint: str = "", ttl_s: int = 3600
) -> NewJob:
    return NewJob(
        id=uuid_utils.uuid7().hex,
        request=JobRequest.model_validate(request or {}),
        source=SOURCE,
        ttl_s=ttl_s,
        retention_s=3600,
        idempotency_key=key,
        fingerprint=fingerprint,
    )


def submitted(jobs: RedisJobStore, **request: object) -> str:
    return jobs.submit(new_job(request))[0]


def claim(jobs: RedisJobStore, job_id: str, *, lease_s: float = 60, max_attempts: int = 3) -> Lease | ClaimAnswer:
    return jobs.claim(job_id, holder="here/1", device="cpu", lease_s=lease_s, max_attempts=max_attempts)


def claimed(jobs: RedisJobStore, job_id: str, *, lease_s: float = 60) -> Lease:
    lease = claim(jobs, job_id, lease_s=lease_s)
    assert isinstance(lease, Lease)
    return lease


def test_a_job_goes_from_queued_through_running_to_succeeded(jobs: RedisJobStore) -> None:
    job_id = submitted(jobs, tag="t", metadata={"a": [1]})
    assert jobs.get(job_id).job.status is JobState.QUEUED
    lease = claimed(jobs, job_id)
    jobs.plan(lease, pages_total=2)
    jobs.page(lease, 1)
    jobs.page(lease, 2)
    running = jobs.get(job_id).job
    assert (running.status, running.device, running.attempts) == (JobState.RUNNING, "cpu", 1)
    jobs.finish(lease, JobState.SUCCEEDED, error=None, outputs={"json": "/x"})
    job = jobs.get(job_id).job
    assert (job.status, job.outputs, job.tag, job.metadata) == (JobState.SUCCEEDED, {"json": "/x"}, "t", {"a": [1]})
    assert (job.progress.pages_total, job.progress.pages_done, job.progress.pages_failed) == (2, 2, 0)
    assert job.started_at
    assert job.finished_at
    assert job.created_at <= job.started_at <= job.finished_at


def test_events_tell_the_whole_story_in_order_and_resume(jobs: RedisJobStore) -> None:
    job_id = submitted(jobs)
    lease = claimed(jobs, job_id)
    jobs.page(lease, 1)
    jobs.page(lease, 2, error=UNREADABLE)
    jobs.finish(lease, JobState.PARTIAL, error=None, outputs={})
    events = jobs.events(job_id)
    assert [event.type for event in events] == ["job.queued", "job.started", "page.done", "page.failed", "job.partial"]
    assert jobs.events(job_id, after=events[2].id) == events[3:]


def test_a_job_that_is_held_cannot_be_claimed_again(jobs: RedisJobStore) -> None:
    job_id = submitted(jobs)
    claimed(jobs, job_id)
    assert claim(jobs, job_id) is ClaimAnswer.BUSY


def test_a_lease_that_ran_out_goes_to_the_next_worker_and_the_old_token_is_refused(jobs: RedisJobStore) -> None:
    job_id = submitted(jobs)
    old = claimed(jobs, job_id, lease_s=0)
    new = claimed(jobs, job_id)
    assert old.token != new.token
    assert jobs.heartbeat(old, lease_s=60) is LeaseState.STALE
    assert jobs.page(old, 1) is LeaseState.STALE
    assert jobs.plan(old, pages_total=9) is LeaseState.STALE
    assert jobs.release(old, delay_s=0) is LeaseState.STALE
    assert jobs.finish(old, JobState.FAILED, error=UNREADABLE, outputs={}) is LeaseState.STALE
    assert jobs.get(job_id).job.status is JobState.RUNNING
    assert jobs.get(job_id).job.progress.pages_done == 0
    assert jobs.heartbeat(new, lease_s=60) is LeaseState.HELD


def test_a_job_given_back_keeps_its_attempts_and_never_reuses_a_token(jobs: RedisJobStore) -> None:
    job_id = submitted(jobs)
    first = claimed(jobs, job_id)
    jobs.release(first, delay_s=0)
    assert jobs.get(job_id).job.attempts == 0
    assert claimed(jobs, job_id).token != first.token


def test_a_document_that_kills_its_worker_too_often_fails_once(jobs: RedisJobStore) -> None:
    job_id = submitted(jobs)
    for _ in range(3):
        claimed(jobs, job_id, lease_s=0)
    assert claim(jobs, job_id) is ClaimAnswer.EXHAUSTED
    assert claim(jobs, job_id) is ClaimAnswer.FINISHED
    job = jobs.get(job_id).job
    assert (job.status, job.error and job.error.code) == (JobState.FAILED, "engine_crashed")


def test_a_page_is_counted_once_however_often_it_is_stored(jobs: RedisJobStore) -> None:
    job_id = submitted(jobs)
    lease = claimed(jobs, job_id)
    for _ in range(5):
        jobs.page(lease, 7)
    assert jobs.get(job_id).job.progress.pages_done == 1
    assert jobs.pages(job_id) == {7: None}


def test_the_same_idempotency_key_and_request_give_the_same_job(jobs: RedisJobStore) -> None:
    first = jobs.submit(new_job(key="k", fingerprint="f"))
    again = jobs.submit(new_job(key="k", fingerprint="f"))
    assert (first[1], again) == (True, (first[0], False))


def test_the_same_idempotency_key_with_another_request_is_refused(jobs: RedisJobStore) -> None:
    jobs.submit(new_job(key="k", fingerprint="f"))
    with pytest.raises(IdempotencyMismatch):
        jobs.submit(new_job(key="k", fingerprint="g"))


def test_fifty_submissions_at_once_with_one_key_make_one_job(jobs: RedisJobStore) -> None:
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: jobs.submit(new_job(key="k", fingerprint="f")), range(50)))
    assert len({job_id for job_id, _ in answers}) == 1
    assert sum(created for _, created in answers) == 1


def test_five_workers_that_claim_at_once_share_one_lease(jobs: RedisJobStore) -> None:
    job_id = submitted(jobs)
    with ThreadPoolExecutor(5) as pool:
        answers = list(pool.map(lambda _: claim(jobs, job_id), range(5)))
    assert sum(isinstance(answer, Lease) for answer in answers) == 1


def test_a_waiting_job_is_cancelled_at_once(jobs: RedisJobStore) -> None:
    job_id = submitted(jobs)
    jobs.cancel(job_id)
    job = jobs.get(job_id).job
    assert (job.status, job.error and job.error.code) == (JobState.CANCELLED, "cancelled")
    assert claim(jobs, job_id) is ClaimAnswer.FINISHED


def test_the_holder_of_a_running_job_hears_of_its_cancellation(jobs: RedisJobStore) -> None:
    job_id = submitted(jobs)
    lease = claimed(jobs, job_id)
    jobs.cancel(job_id)
    assert jobs.heartbeat(lease, lease_s=60) is LeaseState.CANCELLED


def test_a_cancelled_job_whose_worker_died_ends_cancelled(jobs: RedisJobStore) -> None:
    job_id = submitted(jobs)
    claimed(jobs, job_id, lease_s=0)
    jobs.cancel(job_id)
    assert claim(jobs, job_id) is ClaimAnswer.CANCELLED
    assert jobs.get(job_id).job.status is JobState.CANCELLED


def test_cancelling_an_unknown_job_says_so(jobs: RedisJobStore) -> None:
    with pytest.raises(NotFound):
        jobs.cancel("0" * 32)


def test_a_running_job_is_due_when_its_lease_runs_out(jobs: RedisJobStore) -> None:
    job_id = submitted(jobs, device="cpu", priority="high")
    claimed(jobs, job_id, lease_s=60)
    assert jobs.due(limit=10) == []
    other = submitted(jobs, device="cpu", priority="high")
    claimed(jobs, other, lease_s=0)
    assert jobs.due(limit=10) == [other]
    due = jobs.revisit(other, interval_s=30)
    assert due is not None
    assert (due.device, due.priority) == ("cpu", "high")
    assert jobs.due(limit=10) == []


def test_a_job_that_nobody_took_within_its_time_expires(jobs: RedisJobStore, redis_url: str) -> None:
    job_id, _ = jobs.submit(new_job(ttl_s=0))
    with redis.Redis.from_url(redis_url) as client:
        client.zadd(f"{PREFIX}open", {job_id: 0})
    assert jobs.revisit(job_id, interval_s=30) is None
    assert jobs.get(job_id).job.status is JobState.EXPIRED


def test_the_end_of_a_job_leaves_one_webhook_to_deliver(jobs: RedisJobStore) -> None:
    job_id = submitted(jobs, webhook=WEBHOOK)
    assert jobs.claim_webhook(job_id, lease_s=60) is None
    jobs.finish(claimed(jobs, job_id), JobState.SUCCEEDED, error=None, outputs={})
    assert jobs.due_webhooks(limit=10, again_s=60) == [job_id]
    delivery = jobs.claim_webhook(job_id, lease_s=60)
    assert delivery is not None
    assert (delivery.id, delivery.type, delivery.attempt) == (f"evt_{job_id}", "job.succeeded", 1)
    assert jobs.claim_webhook(job_id, lease_s=60) is None
    jobs.settle_webhook(delivery, state="pending", delay_s=0, status=500, error="")
    again = jobs.claim_webhook(job_id, lease_s=60)
    assert again is not None
    assert (again.id, again.attempt) == (delivery.id, 2)
    jobs.settle_webhook(again, state="delivered", status=200, error="")
    assert jobs.claim_webhook(job_id, lease_s=60) is None
    assert jobs.due_webhooks(limit=10, again_s=0) == []


def test_a_webhook_for_other_events_is_not_sent(jobs: RedisJobStore) -> None:
    job_id = submitted(jobs, webhook=WEBHOOK | {"events": ["job.failed"]})
    jobs.finish(claimed(jobs, job_id), JobState.SUCCEEDED, error=None, outputs={})
    assert jobs.due_webhooks(limit=10, again_s=0) == []


def test_one_reconciler_leads_until_its_lease_ends(jobs: RedisJobStore) -> None:
    assert jobs.lead("r", "a", lease_s=0.2)
    assert jobs.lead("r", "a", lease_s=0.2)
    assert not jobs.lead("r", "b", lease_s=0.2)
    deadline = time.monotonic() + 5
    while not jobs.lead("r", "b", lease_s=0.2):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_every_key_but_the_two_indexes_has_a_time_to_live(jobs: RedisJobStore, redis_url: str) -> None:
    open_job = submitted(jobs, webhook=WEBHOOK)
    jobs.page(claimed(jobs, open_job), 1)
    ended = jobs.submit(new_job({"webhook": WEBHOOK}, key="k", fingerprint="f"))[0]
    lease = claimed(jobs, ended)
    jobs.page(lease, 1)
    jobs.finish(lease, JobState.SUCCEEDED, error=None, outputs={})
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        lasting = {str(key) for key in client.scan_iter() if client.ttl(key) < 0}
    assert lasting == {f"{PREFIX}open", f"{PREFIX}webhooks"}


def test_a_full_or_absent_redis_is_unavailable_not_a_crash() -> None:
    with redis_server() as server:
        jobs = RedisJobStore(server.url)
        jobs.submit(new_job())
        with redis.Redis.from_url(server.url) as client:
            client.config_set("maxmemory", "1")
        with pytest.raises(Unavailable):
            jobs.submit(new_job())
        server.kill()
        with pytest.raises(Unavailable):
            jobs.ping()
        jobs.close()
