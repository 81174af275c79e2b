"""Repeating, deleting, dead letters and webhook deliveries, over HTTP and straight."""

from __future__ import annotations

import httpx
import pytest

from producer.backends.memory_objects import MemoryObjectStore
from producer.backends.redis_store import RedisJobStore
from producer.client import OcrFleetClient
from producer.contract import names
from producer.contract.errors import Expired, InvalidRequest, NotFound
from producer.contract.jobs import JobError, JobState
from producer.contract.leases import LeaseState, Plan
from producer.contract.manifest import Manifest
from producer.contract.webhooks import DeliveryState, Outcome
from producer.direct import Producer
from tests.integration.serving import PNG, taken, work

STUCK = JobError(code="page_timeout", message="too slow", retryable=True)
WEBHOOK = {"url": "https://example.org/hook"}


def gave_up(client: OcrFleetClient, store: RedisJobStore, **request: object) -> str:
    """A job of two pages, the second of which failed."""
    job_id = client.submit(PNG, **request).id  # type: ignore[arg-type]  # the fields of a request, by name
    lease = taken(store, job_id)
    store.leases.plan(lease, Plan(page_count=2, pages_total=2, unit_pages=2))
    store.leases.page(lease, 1)
    store.leases.page(lease, 2, error=STUCK)
    store.leases.finish(lease, JobState.PARTIAL, error=None, outputs={}, is_dead=True)
    return job_id


def test_a_job_that_gave_up_is_listed_shown_and_run_again(client: OcrFleetClient, store: RedisJobStore) -> None:
    job_id = gave_up(client, store)
    assert [job.id for job in client.dead_letters()] == [job_id]
    letter = client.dead_letter(job_id)
    assert (letter.job.id, letter.pages) == (job_id, {2: STUCK})
    job = client.retry(job_id)
    assert (job.status, job.progress.pages_done, job.progress.pages_failed) == (JobState.QUEUED, 1, 0)
    assert client.dead_letters() == []


def test_a_repeated_job_says_so_in_its_manifest_and_rings(
    client: OcrFleetClient, store: RedisJobStore, objects: MemoryObjectStore
) -> None:
    job_id = gave_up(client, store)
    client.retry(job_id)
    manifest = Manifest.model_validate_json(objects.get(names.manifest_key(job_id)))
    assert (manifest.record.run, manifest.record.job.status) == (1, JobState.QUEUED)
    assert taken(store, job_id)


def test_a_job_that_runs_or_has_succeeded_is_not_run_again(
    http: httpx.Client, client: OcrFleetClient, store: RedisJobStore, objects: MemoryObjectStore
) -> None:
    job_id = client.submit(PNG).id
    answer = http.post(f"/v1/jobs/{job_id}/retry")
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid_request")
    work(store, objects, job_id)
    with pytest.raises(InvalidRequest, match="succeeded"):
        client.retry(job_id)
    with pytest.raises(NotFound):
        client.retry("0" * 32)


def test_jobs_are_listed_newest_first_by_state_and_tag_page_by_page(
    client: OcrFleetClient, http: httpx.Client, store: RedisJobStore, objects: MemoryObjectStore
) -> None:
    done, *waiting = [client.submit(PNG, tag=tag).id for tag in ("a", "a", "b")]
    work(store, objects, done)
    first = client.jobs(limit=2)
    rest = client.jobs(limit=2, cursor=first.next_cursor)
    assert [job.id for job in (*first.jobs, *rest.jobs)] == [*reversed(waiting), done]
    assert rest.next_cursor is None
    assert [job.id for job in client.jobs(status=["queued"], tag="a").jobs] == [waiting[0]]
    assert [job.id for job in client.jobs(status=[JobState.SUCCEEDED, JobState.QUEUED]).jobs] == [*waiting[::-1], done]
    assert first.jobs[0] == client.status(waiting[1])
    for wrong in ({"status": "lost"}, {"cursor": "x"}, {"limit": "0"}, {"tag": ""}):
        answer = http.get("/v1/jobs", params=wrong)
        assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid_request"), wrong


def test_a_deleted_job_leaves_nothing(
    http: httpx.Client, client: OcrFleetClient, store: RedisJobStore, objects: MemoryObjectStore
) -> None:
    job_id = client.submit(PNG, idempotency_key="k").id
    work(store, objects, job_id)
    answer = http.delete(f"/v1/jobs/{job_id}")
    assert (answer.status_code, answer.content) == (204, b"")
    assert list(objects.keys("jobs/")) == []
    with pytest.raises(NotFound):
        client.status(job_id)
    with pytest.raises(NotFound):
        client.delete(job_id)
    assert client.submit(PNG, idempotency_key="k").id != job_id


def test_a_running_job_that_is_deleted_stops(client: OcrFleetClient, store: RedisJobStore) -> None:
    job_id = client.submit(PNG).id
    lease = taken(store, job_id)
    client.delete(job_id)
    assert store.leases.page(lease, 1).state is LeaseState.STALE


def test_deliveries_are_shown_and_made_again_by_hand(client: OcrFleetClient, store: RedisJobStore) -> None:
    job_id = gave_up(client, store, webhook=WEBHOOK)
    event = f"evt_{job_id}"
    delivery = store.outbox.claim(event, lease_s=60)
    assert delivery is not None
    store.outbox.settle(delivery, Outcome(state=DeliveryState.GIVEN_UP, body="{}", status=500))
    [kept] = client.deliveries(job_id)
    assert (kept.id, kept.type, kept.state, kept.log[0].status) == (event, "job.partial", DeliveryState.GIVEN_UP, 500)
    again = client.redeliver(event)
    assert (again.id, again.state, again.attempts) == (event, DeliveryState.PENDING, 1)
    assert [one.id for one in store.outbox.due(limit=10)] == [event]


def test_unknown_deliveries_and_jobs_are_not_found(http: httpx.Client, client: OcrFleetClient) -> None:
    for event in ("evt_" + "0" * 32, "nonsense"):
        with pytest.raises(NotFound):
            client.redeliver(event)
    with pytest.raises(NotFound):
        client.deliveries("0" * 32)
    with pytest.raises(NotFound):
        client.dead_letter("0" * 32)
    assert http.get("/v1/webhook-deliveries").status_code == 422
    assert http.get("/v1/dead-letters", params={"limit": 5000}).status_code == 422


def test_results_past_their_retention_are_expired_and_others_not_found(
    http: httpx.Client, client: OcrFleetClient, store: RedisJobStore, objects: MemoryObjectStore
) -> None:
    job_id = client.submit(PNG).id
    work(store, objects, job_id)
    assert http.get(f"/v1/jobs/{job_id}/files/00009.json").status_code == 404
    objects.delete(names.job_prefix(job_id))  # as the sweep does
    with pytest.raises(Expired):
        client.result(job_id)
    with pytest.raises(Expired):
        client.page(job_id, 1)
    answer = http.get(f"/v1/jobs/{job_id}/files/00001.json")
    assert (answer.status_code, answer.json()["error"]["code"]) == (410, "expired")
    assert http.get("/v1/jobs/" + "0" * 32 + "/files/00001.json").status_code == 404


def test_the_same_document_may_be_answered_with_a_finished_result(
    client: OcrFleetClient, store: RedisJobStore, objects: MemoryObjectStore
) -> None:
    first = client.submit(PNG, reuse=True)
    work(store, objects, first.id)
    assert client.submit(PNG, reuse=True).id == first.id
    others = [client.submit(PNG), client.submit(PNG, reuse=True, pages="1")]
    assert first.id not in {job.id for job in others}
    assert len({key.split("/")[1] for key in objects.keys("jobs/")}) == 3


def test_straight_and_over_http_the_same_is_seen(
    producer: Producer, client: OcrFleetClient, store: RedisJobStore
) -> None:
    job_id = gave_up(client, store, webhook=WEBHOOK)
    assert producer.dead_letters() == client.dead_letters()
    assert producer.dead_letter(job_id) == client.dead_letter(job_id)
    assert producer.deliveries(job_id) == client.deliveries(job_id)
