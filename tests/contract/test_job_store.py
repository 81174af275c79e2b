"""The job store, in Redis and in memory: submission, turns, cancelling, the end of a job."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from producer.contract.errors import Expired, IdempotencyMismatch, InvalidRequest, NotFound, QueueFull
from producer.contract.jobs import JobError, JobState
from producer.contract.leases import LeaseState, Plan, SubmitOutcome, Worker
from producer.contract.names import queues_served_by
from producer.contract.sources import UploadSource, UrlSource
from tests.contract.job_stores import CPU, SOURCE, JobStores, new_job

UNREADABLE = JobError(code="unreadable_document", message="broken")
STUCK = JobError(code="page_timeout", message="too slow", retryable=True)
IO = Worker(queues=("ocr.fetch",), holder="io/1", device="io")
GPU = Worker(queues=queues_served_by("gpu:0"), holder="there/1", device="gpu:0")


def test_a_job_goes_from_queued_through_running_to_succeeded(stores: JobStores) -> None:
    job_id = stores.submit(tag="t", metadata={"a": [1]})
    assert stores.jobs.get(job_id).job.status is JobState.QUEUED
    claim = stores.claim()
    assert (claim.lease.job_id, claim.lease.unit, claim.plan, claim.more) == (job_id, 0, None, ())
    stores.leases.plan(claim.lease, Plan(page_count=5, pages_total=2, unit_pages=4))
    for page in (1, 2):
        assert stores.leases.begin(claim.lease, page).state is LeaseState.HELD
        assert stores.leases.page(claim.lease, page).state is LeaseState.HELD
    running = stores.jobs.get(job_id).job
    assert (running.status, running.device, running.attempts) == (JobState.RUNNING, "cpu", 1)
    assert stores.leases.complete(claim.lease, lease_s=60).state is LeaseState.LAST
    stores.leases.finish(claim.lease, JobState.SUCCEEDED, error=None, outputs={"json": "/x"}, is_dead=False)
    job = stores.jobs.get(job_id).job
    assert (job.status, job.outputs, job.tag, job.metadata) == (JobState.SUCCEEDED, {"json": "/x"}, "t", {"a": [1]})
    assert (job.progress.pages_total, job.progress.pages_done, job.progress.pages_failed) == (2, 2, 0)
    assert job.started_at
    assert job.finished_at
    assert job.created_at <= job.started_at <= job.finished_at


def test_events_tell_the_whole_story_in_order_and_resume(stores: JobStores) -> None:
    lease = stores.start(pages=2, unit_pages=2)
    stores.leases.page(lease, 1)
    stores.leases.page(lease, 2, error=UNREADABLE)
    stores.leases.finish(lease, JobState.PARTIAL, error=None, outputs={}, is_dead=False)
    events = stores.jobs.events(lease.job_id)
    assert [event.type for event in events] == ["job.queued", "job.started", "page.done", "page.failed", "job.partial"]
    assert stores.jobs.events(lease.job_id, after=events[0].id) == events[1:]
    assert stores.jobs.events(lease.job_id, after=events[2].id) == events[3:]


# --- submission


def test_the_same_idempotency_key_and_request_give_the_same_job(stores: JobStores) -> None:
    first = stores.jobs.submit(new_job(key="k", fingerprint="f"))
    again = stores.jobs.submit(new_job(key="k", fingerprint="f"))
    assert (first.outcome, again.outcome) == (SubmitOutcome.CREATED, SubmitOutcome.EXISTING)
    assert again.job_id == first.job_id
    assert stores.jobs.get(first.job_id).job.idempotency_key == "k"


def test_a_submission_that_is_sent_again_because_its_answer_was_lost_changes_nothing(stores: JobStores) -> None:
    new = new_job(key="k", fingerprint="f")
    first, again = stores.jobs.submit(new), stores.jobs.submit(new)
    lease = stores.claim().lease
    late = stores.jobs.submit(new)
    assert first == again == late
    assert (first.job_id, first.outcome) == (new.id, SubmitOutcome.CREATED)
    assert stores.jobs.get(new.id).job.status is JobState.RUNNING
    assert stores.leases.heartbeat(lease, lease_s=60).state is LeaseState.HELD


def test_the_same_idempotency_key_with_another_request_is_refused(stores: JobStores) -> None:
    stores.jobs.submit(new_job(key="k", fingerprint="f"))
    with pytest.raises(IdempotencyMismatch):
        stores.jobs.submit(new_job(key="k", fingerprint="g"))


def test_a_job_is_found_by_its_idempotency_key_without_another_being_made(stores: JobStores) -> None:
    new = new_job(key="k", fingerprint="f")
    assert stores.jobs.repeated(new) is None
    stores.jobs.submit(new)
    found = stores.jobs.repeated(new_job(key="k", fingerprint="f"))
    assert found is not None
    assert (found.job_id, found.outcome) == (new.id, SubmitOutcome.EXISTING)
    with pytest.raises(IdempotencyMismatch):
        stores.jobs.repeated(new_job(key="k", fingerprint="g"))
    assert stores.jobs.repeated(new_job(key="k", fingerprint="f", owner="b")) is None
    assert stores.jobs.repeated(new_job()) is None
    stores.jobs.forget(new.id)
    assert stores.jobs.repeated(new) is None


def test_the_same_submission_sent_twice_is_one_job_and_disturbs_nobody_who_works_on_it(stores: JobStores) -> None:
    new = new_job()
    stores.jobs.submit(new)
    lease = stores.claim().lease
    again = stores.jobs.submit(new)
    assert (again.job_id, again.outcome) == (new.id, SubmitOutcome.CREATED)
    assert stores.jobs.get(new.id).job.status is JobState.RUNNING
    assert stores.leases.heartbeat(lease, lease_s=60).state is LeaseState.HELD
    keyed = new_job(key="k", fingerprint="f")
    assert [stores.jobs.submit(keyed).outcome for _ in range(2)] == [SubmitOutcome.CREATED] * 2


def test_an_upload_is_the_document_of_one_job_until_that_has_ended(stores: JobStores) -> None:
    upload = UploadSource(upload_id="0" * 32)
    first = new_job(remote=upload, key="k", fingerprint="f")
    for _ in range(2):
        assert stores.jobs.submit(first).outcome is SubmitOutcome.CREATED  # the answer was lost
    assert stores.jobs.submit(new_job(remote=upload, key="k", fingerprint="f")).job_id == first.id
    with pytest.raises(InvalidRequest, match="serves for one job") as refused:
        stores.jobs.submit(new_job(remote=upload))
    assert refused.value.details == {"job_id": first.id}
    for other in (new_job(remote=upload, owner="b"), new_job(remote=UploadSource(upload_id="1" * 32))):
        assert stores.jobs.submit(other).outcome is SubmitOutcome.CREATED
    stores.jobs.cancel(first.id)
    assert stores.jobs.submit(new_job(remote=upload)).outcome is SubmitOutcome.CREATED
    stores.jobs.forget(first.id)
    with pytest.raises(InvalidRequest, match="serves for one job"):
        stores.jobs.submit(new_job(remote=upload))


def test_another_owner_may_use_the_same_idempotency_key(stores: JobStores) -> None:
    first = stores.jobs.submit(new_job(key="k", fingerprint="f", owner="a"))
    other = stores.jobs.submit(new_job(key="k", fingerprint="g", owner="b"))
    assert (other.outcome, other.job_id != first.job_id) == (SubmitOutcome.CREATED, True)


def test_fifty_submissions_at_once_with_one_key_make_one_job(stores: JobStores) -> None:
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: stores.jobs.submit(new_job(key="k", fingerprint="f")), range(50)))
    assert len({answer.job_id for answer in answers}) == 1
    assert sum(answer.outcome is SubmitOutcome.CREATED for answer in answers) == 1


def test_a_finished_result_is_reused_only_when_asked_for_and_only_once_it_succeeded(stores: JobStores) -> None:
    first = stores.jobs.submit(new_job(reuse_key="same"))
    assert stores.jobs.submit(new_job(reuse_key="same")).outcome is SubmitOutcome.CREATED
    lease = stores.claim().lease
    assert lease.job_id == first.job_id
    stores.leases.finish(lease, JobState.SUCCEEDED, error=None, outputs={}, is_dead=False)
    reused = stores.jobs.submit(new_job(reuse_key="same"))
    assert (reused.outcome, reused.job_id) == (SubmitOutcome.REUSED, first.job_id)
    assert stores.jobs.submit(new_job(reuse_key="other")).outcome is SubmitOutcome.CREATED
    assert stores.jobs.submit(new_job()).outcome is SubmitOutcome.CREATED


def test_a_full_queue_refuses_new_jobs_until_one_has_ended(stores: JobStores) -> None:
    jobs = [stores.jobs.submit(new_job(max_open=2)).job_id for _ in range(2)]
    with pytest.raises(QueueFull, match="2 jobs"):
        stores.jobs.submit(new_job(max_open=2))
    stores.jobs.cancel(jobs[0])
    stores.jobs.submit(new_job(max_open=2))


# --- turns


def test_a_job_is_offered_where_its_device_listens(stores: JobStores) -> None:
    anywhere, on_gpu = stores.submit(), stores.submit(device="gpu")
    exact = stores.jobs.submit(new_job({"device": "gpu:1"}))
    assert exact.ring == "ocr.gpu.1"
    assert sorted(stores.upkeep.backlog()) == ["ocr.any", "ocr.gpu", "ocr.gpu.1"]
    assert stores.claim(CPU).lease.job_id == anywhere
    assert stores.leases.claim(CPU, lease_s=60) is None
    assert stores.claim(GPU).lease.job_id == on_gpu
    assert stores.leases.claim(GPU, lease_s=60) is None
    assert stores.upkeep.backlog() == ["ocr.gpu.1"]


def test_a_claim_tells_which_queues_have_more(stores: JobStores) -> None:
    for device in ("auto", "gpu", "gpu", "cpu"):
        stores.submit(device=device)
    assert stores.claim(GPU).more == ("ocr.gpu", "ocr.any")


def test_high_goes_before_normal_before_low_and_low_is_not_starved(stores: JobStores) -> None:
    for priority in ("low", "normal", "high"):
        for _ in range(20):
            stores.submit(priority=priority)
    taken = [stores.claim().record.request.priority for _ in range(60)]
    assert taken[0] == "high"
    assert sum(one == "high" for one in taken[:20]) >= 14
    assert "normal" in taken[:4]
    assert "low" in taken[:16]


def test_a_long_backlog_of_one_owner_delays_another_by_at_most_one_unit(stores: JobStores) -> None:
    for _ in range(50):
        stores.submit(owner="many")
    for _ in range(5):
        assert stores.claim().record.owner == "many"
    single = stores.submit(owner="single")
    taken = [stores.claim().lease.job_id for _ in range(2)]
    assert single in taken


def test_two_owners_take_turns(stores: JobStores) -> None:
    for owner in ("a", "a", "a", "b", "b", "b"):
        stores.submit(owner=owner)
    owners = [stores.claim().record.owner for _ in range(6)]
    assert owners in (["a", "b"] * 3, ["b", "a"] * 3)


def test_a_large_document_lets_a_small_one_of_its_owner_pass(stores: JobStores) -> None:
    stores.start(pages=100)
    small = stores.submit()
    taken = [stores.claim().lease.job_id for _ in range(2)]
    assert small in taken


def test_one_document_has_a_bounded_number_of_units_in_work(stores: JobStores) -> None:
    first = stores.start(pages=100)
    leases = [first]
    while claim := stores.leases.claim(CPU, lease_s=60):
        leases.append(claim.lease)
    assert len(leases) == 32
    stores.leases.page(first, 1)
    assert stores.leases.complete(first, lease_s=60).ring == "ocr.any"
    assert stores.claim().lease.unit == 32


# --- cancelling


def test_a_waiting_job_is_cancelled_at_once(stores: JobStores) -> None:
    job_id = stores.submit()
    stores.jobs.cancel(job_id)
    job = stores.jobs.get(job_id).job
    assert (job.status, job.error and job.error.code) == (JobState.CANCELLED, "cancelled")
    assert stores.leases.claim(CPU, lease_s=60) is None


def test_every_holder_of_a_running_job_hears_of_its_cancellation_and_the_last_to_stop_ends_it(
    stores: JobStores,
) -> None:
    first = stores.start(pages=3)
    second = stores.claim().lease
    stores.jobs.cancel(first.job_id)
    assert stores.leases.claim(CPU, lease_s=60) is None
    assert stores.leases.heartbeat(first, lease_s=60).state is LeaseState.CANCELLED
    assert stores.leases.page(second, 2).state is LeaseState.CANCELLED
    assert stores.leases.complete(second, lease_s=60).state is LeaseState.CANCELLED
    stores.leases.drop(first)
    assert stores.jobs.get(first.job_id).job.status is JobState.RUNNING
    stores.leases.drop(second)
    assert stores.jobs.get(first.job_id).job.status is JobState.CANCELLED


def test_a_cancelled_job_whose_worker_died_ends_cancelled(stores: JobStores) -> None:
    lease = stores.start(lease_s=0)
    stores.jobs.cancel(lease.job_id)
    assert stores.upkeep.revisit(f"{lease.job_id}/0") is None
    assert stores.jobs.get(lease.job_id).job.status is JobState.CANCELLED


def test_a_job_that_waits_for_a_retry_is_cancelled_at_once(stores: JobStores) -> None:
    lease = stores.start()
    stores.leases.release(lease, delay_s=60)
    stores.jobs.cancel(lease.job_id)
    assert stores.jobs.get(lease.job_id).job.status is JobState.CANCELLED


def test_cancelling_an_ended_job_changes_nothing(stores: JobStores) -> None:
    lease = stores.start()
    stores.leases.finish(lease, JobState.SUCCEEDED, error=None, outputs={}, is_dead=False)
    stores.jobs.cancel(lease.job_id)
    assert stores.jobs.get(lease.job_id).job.status is JobState.SUCCEEDED


# --- after the end


def test_a_failed_job_runs_again_where_it_has_no_result(stores: JobStores) -> None:
    lease = stores.start(pages=3, unit_pages=3)
    stores.leases.page(lease, 1)
    stores.leases.page(lease, 2, error=STUCK)
    stores.leases.finish(lease, JobState.PARTIAL, error=None, outputs={"json": "/x"}, is_dead=True)
    assert stores.jobs.dead(limit=10) == [lease.job_id]
    assert stores.jobs.retry(lease.job_id) == "ocr.any"
    assert stores.jobs.dead(limit=10) == []
    record = stores.jobs.get(lease.job_id)
    assert (record.job.status, record.job.outputs, record.job.error, record.run) == (JobState.QUEUED, {}, None, 1)
    assert (record.job.progress.pages_done, record.job.progress.pages_failed) == (1, 0)
    claim = stores.claim()
    assert (claim.lease.unit, claim.plan, stores.leases.pages(lease.job_id)) == (0, None, {1: None})


def test_only_a_job_that_ended_without_success_can_be_run_again(stores: JobStores) -> None:
    with pytest.raises(NotFound):
        stores.jobs.retry("0" * 32)
    lease = stores.start()
    with pytest.raises(InvalidRequest, match="not ended"):
        stores.jobs.retry(lease.job_id)
    stores.leases.finish(lease, JobState.SUCCEEDED, error=None, outputs={}, is_dead=False)
    with pytest.raises(InvalidRequest, match="succeeded"):
        stores.jobs.retry(lease.job_id)


def test_a_deleted_job_is_gone_and_its_lease_is_stale(stores: JobStores) -> None:
    lease = stores.start()
    stores.jobs.forget(lease.job_id)
    with pytest.raises(NotFound):
        stores.jobs.get(lease.job_id)
    assert stores.leases.page(lease, 1).state is LeaseState.STALE
    assert stores.upkeep.due(limit=10) == []
    with pytest.raises(NotFound):
        stores.jobs.forget(lease.job_id)


def test_a_job_that_nobody_took_within_its_time_expires_at_the_claim(stores: JobStores) -> None:
    job_id = stores.submit(ttl_s=0)
    assert stores.leases.claim(CPU, lease_s=60) is None
    job = stores.jobs.get(job_id).job
    assert (job.status, job.error and job.error.code) == (JobState.EXPIRED, "expired")


def test_a_job_that_no_worker_asks_for_expires_too(stores: JobStores) -> None:
    job_id = stores.submit(ttl_s=0, device="npu")
    assert stores.upkeep.due(limit=10) == [job_id]
    assert stores.upkeep.revisit(job_id) is None
    assert stores.jobs.get(job_id).job.status is JobState.EXPIRED


def test_a_deleted_job_is_told_from_one_that_was_never_there(stores: JobStores) -> None:
    job_id = stores.submit()
    assert not stores.jobs.was_forgotten(job_id)
    stores.jobs.forget(job_id)
    assert stores.jobs.was_forgotten(job_id)
    assert not stores.jobs.was_forgotten("0" * 32)


def test_a_job_whose_document_is_no_longer_kept_cannot_be_run_again(stores: JobStores) -> None:
    job_id = stores.jobs.submit(new_job(retention_s=0)).job_id
    stores.jobs.cancel(job_id)
    assert stores.upkeep.outdated(limit=10) == [job_id]
    with pytest.raises(Expired):
        stores.jobs.retry(job_id)


def test_one_reconciler_leads_until_its_lease_ends(stores: JobStores) -> None:
    assert stores.upkeep.lead("r", "a", lease_s=60)
    assert stores.upkeep.lead("r", "a", lease_s=0.001)
    assert not stores.upkeep.lead("other", "a", lease_s=60) or not stores.upkeep.lead("other", "b", lease_s=60)


def test_asking_for_an_unknown_job_says_so(stores: JobStores) -> None:
    for ask in (stores.jobs.get, stores.jobs.cancel, stores.jobs.forget):
        with pytest.raises(NotFound):
            ask("0" * 32)
    assert stores.jobs.events("0" * 32) == []
    assert stores.jobs.pages("0" * 32) == {}


# --- documents that are elsewhere


def test_a_document_that_is_elsewhere_is_fetched_before_its_device_is_asked(stores: JobStores) -> None:
    submitted = stores.jobs.submit(new_job({"device": "cpu"}, remote=UrlSource(url="https://example.org/a")))
    assert submitted.ring == "ocr.fetch"
    assert stores.leases.claim(CPU, lease_s=60) is None
    lease = stores.claim(IO).lease
    answer = stores.leases.fetched(lease, SOURCE, queue="ocr.cpu")
    assert (answer.state, answer.ring) == (LeaseState.HELD, "ocr.cpu")
    assert stores.leases.heartbeat(lease, lease_s=60).state is LeaseState.STALE
    assert stores.leases.claim(IO, lease_s=60) is None
    claim = stores.claim()
    assert (claim.lease.job_id, claim.lease.unit, claim.record.source) == (submitted.job_id, 0, SOURCE)
    assert claim.record.remote == UrlSource(url="https://example.org/a")
    stores.leases.finish(claim.lease, JobState.FAILED, error=STUCK, outputs={}, is_dead=True)
    assert stores.jobs.retry(submitted.job_id) == "ocr.cpu"


def test_a_fetch_whose_worker_died_is_taken_again(stores: JobStores) -> None:
    stores.jobs.submit(new_job(remote=UrlSource(url="https://example.org/a")))
    lost = stores.claim(IO, lease_s=0).lease
    (due,) = stores.upkeep.due(limit=10)
    assert stores.upkeep.revisit(due) == "ocr.fetch"
    assert stores.leases.fetched(lost, SOURCE, queue="ocr.cpu").state is LeaseState.STALE
    assert stores.claim(IO).deaths == 1
