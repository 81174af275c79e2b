"""Putting lost jobs back into the job store, in Redis and in memory."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import uuid_utils

from producer.contract.jobs import Job, JobError, JobRecord, JobRequest, JobState, Progress, links_of
from producer.contract.leases import LeaseState, LostJob, Plan, SubmitOutcome
from tests.contract.job_stores import SOURCE, WEBHOOK, JobStores, new_job

STUCK = JobError(code="page_timeout", message="too slow", retryable=True)
BEGAN = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)


def lost_job(
    state: JobState = JobState.QUEUED,
    *,
    pages: dict[int, JobError | None] | None = None,
    key: str | None = None,
    reuse_key: str = "",
    wait_s: float = 60,
    **request: object,
) -> LostJob:
    job_id, pages, parsed = uuid_utils.uuid7().hex, pages or {}, JobRequest.model_validate(request)
    failed = sum(error is not None for error in pages.values())
    has_ended = state.is_terminal
    job = Job(
        id=job_id,
        status=state,
        created_at=BEGAN,
        started_at=BEGAN + timedelta(seconds=1) if has_ended else None,
        finished_at=BEGAN + timedelta(seconds=2) if has_ended else None,
        progress=Progress(pages_total=len(pages), pages_done=len(pages) - failed, pages_failed=failed)
        if has_ended
        else Progress(),
        device="cpu" if has_ended else None,
        attempts=3,
        error=next(filter(None, pages.values()), None) if state is JobState.FAILED else None,
        outputs={"json": "/x"} if has_ended else {},
        links=links_of(job_id),
        idempotency_key=key,
        filename=SOURCE.filename,
        owner="o",
        priority=parsed.priority,
    )
    record = JobRecord(job=job, request=parsed, source=SOURCE, ttl_s=600, retention_s=700, owner="o", run=2)
    return LostJob(record=record, pages=pages, wait_s=wait_s, keep_s=60, fingerprint="f", reuse_key=reuse_key)


def test_an_ended_job_is_restored_once_as_it_was(stores: JobStores) -> None:
    lost = lost_job(JobState.PARTIAL, pages={1: None, 2: STUCK}, priority="high")
    assert stores.upkeep.restore(lost).outcome is SubmitOutcome.CREATED
    assert stores.upkeep.restore(lost).outcome is SubmitOutcome.EXISTING
    job_id = lost.record.job.id
    assert stores.jobs.get(job_id).model_copy(update={"job": None}) == lost.record.model_copy(update={"job": None})
    restored = stores.jobs.get(job_id).job.model_copy(update={"metadata": {}})
    assert restored == lost.record.job
    assert stores.jobs.pages(job_id) == {1: None, 2: STUCK}
    assert [event.type for event in stores.jobs.events(job_id)] == ["job.queued", "job.partial"]
    assert stores.upkeep.backlog() == []


def test_only_what_may_be_tried_again_is_a_dead_letter(stores: JobStores) -> None:
    dead = lost_job(JobState.FAILED, pages={1: STUCK})
    for lost in (dead, lost_job(JobState.FAILED, pages={1: JobError(code="x", message="y")}), lost_job()):
        stores.upkeep.restore(lost)
    assert stores.jobs.dead(limit=10) == [dead.record.job.id]


def test_the_end_of_a_restored_job_is_told_with_the_id_it_had(stores: JobStores) -> None:
    lost = lost_job(JobState.SUCCEEDED, webhook=WEBHOOK)
    stores.upkeep.restore(lost)
    assert [one.id for one in stores.outbox.due(limit=10)] == [f"evt_{lost.record.job.id}_2"]
    other = lost_job(JobState.SUCCEEDED, webhook=WEBHOOK | {"events": ["job.failed"]})
    stores.upkeep.restore(other)
    assert stores.outbox.deliveries(other.record.job.id) == []


def test_a_restored_job_that_failed_runs_again_and_counts_no_page_twice(stores: JobStores) -> None:
    lost = lost_job(JobState.PARTIAL, pages={1: None, 2: STUCK})
    stores.upkeep.restore(lost)
    stores.jobs.retry(lost.record.job.id)
    lease = stores.claim().lease
    stores.leases.plan(lease, Plan(page_count=2, pages_total=2, unit_pages=2))
    assert stores.leases.pages(lost.record.job.id) == {1: None}
    stores.leases.page(lease, 2)
    progress = stores.jobs.get(lost.record.job.id).job.progress
    assert (progress.pages_done, progress.pages_failed) == (2, 0)


def test_an_unfinished_job_waits_again_with_its_pages_counted(stores: JobStores) -> None:
    lost = lost_job(pages={2: None}, webhook=WEBHOOK)
    restored = stores.upkeep.restore(lost)
    assert (restored.outcome, restored.ring) == (SubmitOutcome.CREATED, "ocr.any")
    claim = stores.claim()
    assert (claim.lease.job_id, claim.plan, claim.record.owner) == (lost.record.job.id, None, "o")
    assert stores.leases.pages(claim.lease.job_id) == {2: None}
    stores.leases.plan(claim.lease, Plan(page_count=2, pages_total=2, unit_pages=2))
    stores.leases.page(claim.lease, 1)
    assert stores.leases.complete(claim.lease, lease_s=60).state is LeaseState.LAST
    stores.leases.finish(claim.lease, JobState.SUCCEEDED, error=None, outputs={}, is_dead=False)
    job = stores.jobs.get(claim.lease.job_id).job
    assert (job.created_at, job.progress.pages_done, job.attempts) == (BEGAN, 2, 4)
    assert [one.id for one in stores.outbox.due(limit=10)] == [f"evt_{job.id}_2"]


def test_a_job_that_had_waited_too_long_expires(stores: JobStores) -> None:
    lost = lost_job(wait_s=0)
    stores.upkeep.restore(lost)
    assert stores.upkeep.due(limit=10) == [lost.record.job.id]
    stores.upkeep.revisit(lost.record.job.id)
    assert stores.jobs.get(lost.record.job.id).job.status is JobState.EXPIRED


def test_an_idempotency_key_leads_to_its_restored_job_again(stores: JobStores) -> None:
    lost = lost_job(key="k")
    stores.upkeep.restore(lost)
    again = stores.jobs.submit(new_job(key="k", fingerprint="f", owner="o"))
    assert (again.job_id, again.outcome) == (lost.record.job.id, SubmitOutcome.EXISTING)


@pytest.mark.parametrize(
    ("older", "newer", "leads_to_newer"),
    [
        (JobState.QUEUED, JobState.QUEUED, True),
        (JobState.QUEUED, JobState.SUCCEEDED, True),
        (JobState.SUCCEEDED, JobState.QUEUED, False),
        (JobState.FAILED, JobState.SUCCEEDED, True),
    ],
)
@pytest.mark.parametrize("newer_first", [False, True])
def test_jobs_of_one_idempotency_key_come_back_under_their_ids_and_the_key_leads_to_the_ended_or_the_newest(
    stores: JobStores, older: JobState, newer: JobState, leads_to_newer: bool, newer_first: bool
) -> None:
    jobs = [lost_job(older, key="k"), lost_job(newer, key="k")]
    ids = [lost.record.job.id for lost in jobs]
    is_answered = newer_first and (older, newer) == (JobState.QUEUED, JobState.SUCCEEDED)
    for lost in jobs[::-1] if newer_first else jobs:
        answer = stores.upkeep.restore(lost)
        if is_answered and lost is jobs[0]:
            assert (answer.outcome, answer.job_id) == (SubmitOutcome.EXISTING, ids[1])
        else:
            assert (answer.outcome, answer.job_id) == (SubmitOutcome.CREATED, lost.record.job.id)
            assert stores.jobs.get(lost.record.job.id).job.status is lost.record.job.status
            assert stores.upkeep.restore(lost).job_id == lost.record.job.id
    assert stores.jobs.submit(new_job(key="k", fingerprint="f", owner="o")).job_id == ids[leads_to_newer]


def test_a_job_whose_key_another_job_has_taken_meanwhile_is_restored_without_it(stores: JobStores) -> None:
    lost = lost_job(key="k")
    newer = stores.jobs.submit(new_job(key="k", fingerprint="f", owner="o")).job_id
    assert stores.upkeep.restore(lost).outcome is SubmitOutcome.CREATED
    assert stores.jobs.get(lost.record.job.id).job.status is JobState.QUEUED
    assert stores.jobs.submit(new_job(key="k", fingerprint="f", owner="o")).job_id == newer


def test_a_key_is_its_owners(stores: JobStores) -> None:
    other = stores.jobs.submit(new_job(key="k", fingerprint="f", owner="somebody")).job_id
    stores.upkeep.restore(lost_job(JobState.SUCCEEDED, key="k"))
    assert stores.jobs.submit(new_job(key="k", fingerprint="f", owner="somebody")).job_id == other


def test_a_restored_result_may_be_reused(stores: JobStores) -> None:
    lost = lost_job(JobState.SUCCEEDED, reuse_key="same")
    stores.upkeep.restore(lost)
    assert stores.jobs.submit(new_job(reuse_key="same")).outcome is SubmitOutcome.REUSED


def test_a_job_that_was_deleted_is_not_restored(stores: JobStores) -> None:
    lost = lost_job()
    stores.upkeep.restore(lost)
    stores.jobs.forget(lost.record.job.id)
    assert stores.upkeep.restore(lost).outcome is SubmitOutcome.EXISTING
    assert stores.upkeep.backlog() == []
