"""What a live view follows, in Redis and in memory: which jobs have changed, and how they are now."""

from __future__ import annotations

from producer.contract.changes import Changes
from producer.contract.jobs import JobError, JobState
from producer.contract.webhooks import DeliveryState, Outcome
from tests.contract.job_stores import WEBHOOK, JobStores


def test_every_visible_step_of_a_job_is_a_change(stores: JobStores) -> None:
    seen: list[tuple[JobState, int | None, int]] = []
    after = stores.jobs.changes(after=None).position

    def follow() -> None:
        nonlocal after
        changes = stores.jobs.changes(after=after)
        seen.extend(
            (one.record.job.status, one.record.job.progress.pages_total, one.record.job.progress.pages_done)
            for one in changes.jobs
            if one.record
        )
        after = changes.position

    lease = stores.start(pages=2, unit_pages=2)
    follow()
    stores.leases.page(lease, 1)
    follow()
    stores.leases.page(lease, 2, error=JobError(code="page_timeout", message="slow"))
    stores.leases.finish(lease, JobState.PARTIAL, error=None, outputs={}, is_dead=False)
    follow()
    assert seen == [(JobState.RUNNING, 2, 0), (JobState.RUNNING, 2, 1), (JobState.PARTIAL, 2, 1)]


def test_many_changes_of_a_job_are_one_and_jobs_come_in_the_order_of_their_last(stores: JobStores) -> None:
    start = stores.jobs.changes(after=None).position
    first, second = stores.submit(), stores.submit()
    assert _ids(stores.jobs.changes(after=start)) == [first, second]
    stores.jobs.cancel(first)
    changes = stores.jobs.changes(after=start)
    assert _ids(changes) == [second, first]
    assert stores.jobs.changes(after=changes.position) == Changes(position=changes.position)


def test_a_deleted_job_is_a_change_without_a_record(stores: JobStores) -> None:
    job_id = stores.submit()
    start = stores.jobs.changes(after=None).position
    stores.jobs.forget(job_id)
    (change,) = stores.jobs.changes(after=start).jobs
    assert (change.job_id, change.record) == (job_id, None)


def test_an_owner_is_told_of_its_own_jobs_only_and_goes_past_the_others(stores: JobStores) -> None:
    start = stores.jobs.changes(after=None).position
    mine = stores.submit(owner="a")
    theirs = stores.submit(owner="b")
    stores.jobs.forget(theirs)
    changes = stores.jobs.changes(after=start, owner="a")
    assert _ids(changes) == [mine]
    assert changes.position == stores.jobs.changes(after=None).position


def test_what_came_of_a_webhook_is_a_change_of_its_job(stores: JobStores) -> None:
    job_id = stores.submit(webhook=WEBHOOK)
    stores.jobs.cancel(job_id)
    (due,) = stores.outbox.due(limit=1)
    delivery = stores.outbox.claim(due.id, lease_s=60)
    assert delivery
    start = stores.jobs.changes(after=None).position
    stores.outbox.settle(delivery, Outcome(state=DeliveryState.DELIVERED, body="{}", status=204))
    assert _ids(stores.jobs.changes(after=start)) == [job_id]


def _ids(changes: Changes) -> list[str]:
    return [change.job_id for change in changes.jobs]
