"""Webhook deliveries in the job store, in Redis and in memory."""

from __future__ import annotations

import time

import pytest

from producer.contract.errors import InvalidRequest, NotFound
from producer.contract.jobs import JobError, JobState
from producer.contract.measures import WebhookBacklog
from producer.contract.webhooks import Delivery, DeliveryState, DueDelivery, Outcome
from tests.contract.job_stores import WEBHOOK, JobStores

FAILED = JobError(code="internal", message="broken", retryable=True)


def ended(stores: JobStores, state: JobState = JobState.SUCCEEDED, **webhook: object) -> str:
    lease = stores.start(webhook=WEBHOOK | webhook)
    error = None if state is JobState.SUCCEEDED else FAILED
    stores.leases.finish(lease, state, error=error, outputs={}, is_dead=False)
    return lease.job_id


def claimed(stores: JobStores, event: str) -> Delivery:
    delivery = stores.outbox.claim(event, lease_s=60)
    assert delivery is not None
    return delivery


def due(stores: JobStores, *, limit: int = 10, after: int = 0) -> list[str]:
    return [one.id for one in stores.outbox.due(limit=limit, after=after)]


def test_the_end_of_a_job_leaves_one_delivery_to_make(stores: JobStores) -> None:
    lease = stores.start(webhook=WEBHOOK)
    assert stores.outbox.due(limit=10) == []
    stores.leases.finish(lease, JobState.SUCCEEDED, error=None, outputs={}, is_dead=False)
    event = f"evt_{lease.job_id}"
    assert stores.outbox.due(limit=10) == [DueDelivery(id=event, url=WEBHOOK["url"])]
    assert stores.outbox.due(limit=10) == [DueDelivery(id=event, url=WEBHOOK["url"])]  # nobody has it yet
    first = claimed(stores, event)
    assert (first.id, first.job_id, first.type, first.attempt) == (event, lease.job_id, "job.succeeded", 1)
    assert stores.outbox.claim(event, lease_s=60) is None
    assert stores.outbox.due(limit=10) == []


def test_a_failed_attempt_is_made_again_with_the_same_id_and_body(stores: JobStores) -> None:
    event = f"evt_{ended(stores)}"
    first = claimed(stores, event)
    assert first.body == ""
    stores.outbox.settle(first, Outcome(state=DeliveryState.PENDING, body="{}", status=500))
    again = claimed(stores, event)
    assert (again.id, again.attempt, again.body) == (event, 2, "{}")
    stores.outbox.settle(again, Outcome(state=DeliveryState.DELIVERED, body="{}", status=200))
    assert stores.outbox.claim(event, lease_s=60) is None
    assert due(stores) == []
    [kept] = stores.outbox.deliveries(again.job_id)
    assert (kept.state, [attempt.status for attempt in kept.log]) == (DeliveryState.DELIVERED, [500, 200])


def test_what_came_of_an_attempt_is_of_no_account_once_another_was_begun(stores: JobStores) -> None:
    event = f"evt_{ended(stores)}"
    late = stores.outbox.claim(event, lease_s=0)
    second = claimed(stores, event)
    assert late is not None
    stores.outbox.settle(second, Outcome(state=DeliveryState.DELIVERED, body="{}", status=200))
    stores.outbox.settle(late, Outcome(state=DeliveryState.PENDING, body="{}", error="no answer"))
    [kept] = stores.outbox.deliveries(second.job_id)
    assert (kept.state, [attempt.status for attempt in kept.log]) == (DeliveryState.DELIVERED, [200])


def test_an_attempt_that_was_under_way_when_somebody_redelivered_is_of_no_account(stores: JobStores) -> None:
    event = f"evt_{ended(stores)}"
    late = claimed(stores, event)
    stores.outbox.redeliver(event)
    by_hand = claimed(stores, event)
    assert (late.attempt, by_hand.attempt) == (1, 1)
    stores.outbox.settle(by_hand, Outcome(state=DeliveryState.DELIVERED, body="{}", status=200))
    stores.outbox.settle(late, Outcome(state=DeliveryState.PENDING, body="{}", error="no answer"))
    [kept] = stores.outbox.deliveries(late.job_id)
    assert (kept.state, len(kept.log)) == (DeliveryState.DELIVERED, 1)


def test_an_attempt_waits_for_its_time(stores: JobStores) -> None:
    event = f"evt_{ended(stores)}"
    outcome = Outcome(state=DeliveryState.PENDING, body="{}", delay_s=60, error="no answer")
    stores.outbox.settle(claimed(stores, event), outcome)
    assert stores.outbox.claim(event, lease_s=60) is None
    [kept] = stores.outbox.deliveries(event.removeprefix("evt_"))
    assert kept.next_attempt_at is not None
    assert (kept.log[0].status, kept.log[0].error) == (None, "no answer")


def test_a_webhook_for_other_events_is_not_sent(stores: JobStores) -> None:
    job_id = ended(stores, events=["job.failed"])
    assert due(stores) == []
    assert stores.outbox.deliveries(job_id) == []


def test_a_delivery_is_made_again_by_hand_with_the_same_id(stores: JobStores) -> None:
    event = f"evt_{ended(stores)}"
    stores.outbox.settle(claimed(stores, event), Outcome(state=DeliveryState.GIVEN_UP, body="{}", status=500))
    stores.outbox.redeliver(event)
    assert due(stores) == [event]
    again = claimed(stores, event)
    assert (again.id, again.attempt, again.body) == (event, 1, "{}")
    with pytest.raises(NotFound):
        stores.outbox.redeliver("evt_nothing")


def test_attempts_are_counted_on_when_a_delivery_is_made_again_by_hand(stores: JobStores) -> None:
    event = f"evt_{ended(stores)}"
    for state in (DeliveryState.PENDING, DeliveryState.GIVEN_UP):
        stores.outbox.settle(claimed(stores, event), Outcome(state=state, body="{}", status=500))
    stores.outbox.redeliver(event)
    [asked] = stores.outbox.deliveries(event.removeprefix("evt_"))
    assert (asked.state, asked.attempts) == (DeliveryState.PENDING, 2)
    stores.outbox.settle(claimed(stores, event), Outcome(state=DeliveryState.DELIVERED, body="{}", status=200))
    [kept] = stores.outbox.deliveries(event.removeprefix("evt_"))
    assert (kept.attempts, [attempt.number for attempt in kept.log]) == (3, [1, 2, 3])


def test_the_log_leaves_out_the_number_of_an_attempt_that_ended_with_its_worker(stores: JobStores) -> None:
    event = f"evt_{ended(stores)}"
    stores.outbox.claim(event, lease_s=0)
    stores.outbox.settle(claimed(stores, event), Outcome(state=DeliveryState.DELIVERED, body="{}", status=200))
    [kept] = stores.outbox.deliveries(event.removeprefix("evt_"))
    assert (kept.attempts, [attempt.number for attempt in kept.log]) == (2, [2])


def test_a_receiver_that_is_gone_is_not_asked_again_until_somebody_redelivers(stores: JobStores) -> None:
    first, second = f"evt_{ended(stores)}", f"evt_{ended(stores)}"
    gone = Outcome(state=DeliveryState.DISABLED, body="{}", status=410, disable_s=60)
    stores.outbox.settle(claimed(stores, first), gone)
    assert stores.outbox.claim(second, lease_s=60) is None
    assert stores.outbox.deliveries(second.removeprefix("evt_"))[0].state is DeliveryState.DISABLED
    stores.outbox.redeliver(second)
    assert claimed(stores, second).attempt == 1


def test_each_run_of_a_job_has_its_own_event_and_an_untold_end_is_superseded(stores: JobStores) -> None:
    job_id = ended(stores, JobState.FAILED)
    stores.jobs.retry(job_id)
    assert stores.outbox.claim(f"evt_{job_id}", lease_s=60) is None
    with pytest.raises(InvalidRequest, match="run again"):
        stores.outbox.redeliver(f"evt_{job_id}")
    stores.leases.finish(stores.claim().lease, JobState.SUCCEEDED, error=None, outputs={}, is_dead=False)
    assert claimed(stores, f"evt_{job_id}_1").type == "job.succeeded"
    states = [delivery.state for delivery in stores.outbox.deliveries(job_id)]
    assert states == [DeliveryState.SUPERSEDED, DeliveryState.PENDING]


def test_what_is_due_is_looked_through_a_part_at_a_time_and_the_latest_comes_first(stores: JobStores) -> None:
    events = []
    for _ in range(5):
        events.append(f"evt_{ended(stores)}")
        time.sleep(0.002)  # times are milliseconds
    assert due(stores, limit=2) == events[:2]
    assert due(stores, limit=2, after=2) == events[2:4]
    assert due(stores, limit=2, after=4) == events[4:]
    assert due(stores, limit=2, after=6) == []
    claimed(stores, events[0])
    assert due(stores, limit=2) == events[1:3]


def test_a_delivery_whose_process_died_is_due_again_when_its_lease_is_over(stores: JobStores) -> None:
    event = f"evt_{ended(stores)}"
    assert stores.outbox.claim(event, lease_s=0.05)
    assert due(stores) == []
    time.sleep(0.06)
    assert due(stores) == [event]


def test_a_delivery_is_as_late_as_it_is_whoever_looks_at_it_or_tries(stores: JobStores) -> None:
    event = f"evt_{ended(stores)}"
    time.sleep(0.3)
    for _ in range(3):
        due(stores)
    assert stores.outbox.backlog().overdue_s >= 0.3
    attempt = claimed(stores, event)
    assert stores.outbox.backlog().overdue_s >= 0.3
    stores.outbox.settle(attempt, Outcome(state=DeliveryState.PENDING, body="{}", status=500, delay_s=60))
    assert stores.outbox.backlog() == WebhookBacklog(pending=1, overdue_s=0.0)
