"""Total loss of Redis: records rebuilt from the object store, on a real Redis, a folder and an S3 server."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import redis

from producer.backends.celery_queue import CeleryQueue
from producer.backends.local_objects import LocalObjectStore
from producer.backends.redis_store import RedisJobStore
from producer.backends.s3_objects import S3ObjectStore
from producer.contract import names
from producer.contract.errors import Unauthorized, Unavailable
from producer.contract.jobs import JobError, JobRequest, JobState
from producer.contract.keys import KeyRequest, Scope
from producer.contract.leases import Worker
from producer.contract.manifest import Manifest
from producer.contract.ports import ObjectStore
from producer.contract.sources import RemoteSource, S3Source, UploadSource, UrlSource
from producer.direct import Producer
from producer.recover import Found, Recovery
from producer.remote import RemoteRules
from tests.contract.job_stores import CPU
from tests.integration.conftest import LIMITS
from tests.integration.reading import drawn_document, processor, work_off
from tests.integration.serving import PNG
from tests.servers.moto_s3 import MotoServer
from workers.fetching import Fetcher, FetchLimits
from workers.heartbeat import LeaseTimes

NOTHING = dict.fromkeys(Found, 0)
RULES = RemoteRules(buckets=frozenset({"scans"}))
WEBHOOK = {"url": "https://example.org/hook"}


class Lost:
    """A producer, a worker and a store of objects on a Redis that can be emptied."""

    def __init__(self, redis_url: str, objects: ObjectStore) -> None:
        self.objects = objects
        self.store = RedisJobStore(redis_url)
        self.queue = CeleryQueue(redis_url)
        self.producer = Producer(self.store, objects, self.queue, replace(LIMITS, remote=RULES))
        self._redis = redis.Redis.from_url(redis_url)

    def lose(self) -> None:
        self._redis.flushdb()

    def unanswered(self, data: bytes, *, key: str | None) -> str:
        """Submit while Redis is away; the message that the caller is told."""
        away = RedisJobStore("redis://127.0.0.1:1", within_s=0.2)
        producer = Producer(away, self.objects, self.queue, LIMITS)
        with pytest.raises(Unavailable) as told:
            producer.submit(data, outputs=["json"], idempotency_key=key)
        away.close()
        return told.value.message

    def stored(self) -> list[str]:
        """The ids of the jobs that have a manifest, oldest first."""
        keys = self.objects.keys(names.JOBS_PREFIX)
        return [job_id for key in keys if (job_id := names.job_of_key(key)) and key == names.manifest_key(job_id)]

    def recover(self) -> dict[Found, int]:
        return Recovery(self.store.upkeep, self.objects, self.queue, self.producer.keys).run()

    def work(self) -> int:
        """Work everything off; how many pages were read."""
        worker, engine = processor(self.store, self.objects, self.queue)
        work_off(worker)
        return engine.pages_read

    def fetch(self) -> bool:
        """Fetch a document that is elsewhere; False: none waits for it."""
        limits = FetchLimits(
            rules=RULES, max_bytes=1_000_000, timeout_s=5, lease=LeaseTimes(lease_s=60, heartbeat_s=60)
        )
        fetcher = Fetcher(
            store=self.store,
            objects=self.objects,
            doorbell=self.queue,
            open_bucket=lambda _bucket: self.objects,
            limits=limits,
            holder="io/1",
        )
        return fetcher.work(keep_message=lambda: None)

    def texts(self, job_id: str) -> list[str]:
        pages = json.loads(self.producer.result(job_id))["pages"]
        assert [page["page"] for page in pages] == list(range(1, len(pages) + 1))
        return [page["result"]["rec_texts"][0] for page in pages]

    def rewrite(self, job_id: str, *, ago: timedelta) -> None:
        """Make the manifest older."""
        key = names.manifest_key(job_id)
        manifest = Manifest.model_validate_json(self.objects.get(key))
        job = manifest.record.job
        if job.finished_at:
            job = job.model_copy(update={"finished_at": job.finished_at - ago})
        record = manifest.record.model_copy(update={"job": job})
        older = manifest.model_copy(update={"written_at": datetime.now(tz=UTC) - ago, "record": record})
        self.objects.put(key, older.model_dump_json().encode(), media_type="application/json")

    def close(self) -> None:
        self._redis.close()
        self.producer.close()


@pytest.fixture(params=["folder", "s3"])
def lost(
    request: pytest.FixtureRequest, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Lost]:
    objects: ObjectStore = LocalObjectStore(tmp_path / "objects")
    if request.param == "s3":
        server: MotoServer = request.getfixturevalue("moto_server")
        for name, value in server.address.environment.items():
            monkeypatch.setenv(name, value)
        address = server.address
        bucket = address.new_bucket()
        objects = S3ObjectStore(bucket, "prod", endpoint_url=address.endpoint_url, region=address.region)
    system = Lost(redis_url, objects)
    yield system
    system.close()


def test_everything_lost_in_the_middle_of_work_ends_once_with_the_same_results(lost: Lost) -> None:
    documents = [drawn_document(5, shade=shade) for shade in (10, 20, 30, 40)]
    plain = [lost.producer.submit(data, outputs=["json"]).id for data in documents]
    lost.work()
    expected = [lost.texts(job_id) for job_id in plain]

    jobs = [
        lost.producer.submit(data, outputs=["json"], webhook=WEBHOOK, idempotency_key=f"key-{place}").id
        for place, data in enumerate(documents)
    ]
    pages = iter(range(100))
    worker, _ = processor(
        lost.store, lost.objects, lost.queue, before_page=lambda: lost.lose() if next(pages) == 8 else None
    )
    work_off(worker)
    counts = lost.recover()
    assert counts[Found.REQUEUED] >= 1
    assert counts == NOTHING | {Found.RESTORED: 8 - counts[Found.REQUEUED], Found.REQUEUED: counts[Found.REQUEUED]}
    assert lost.recover() == NOTHING | {Found.PRESENT: 8}
    assert lost.work() < 20 - 6  # pages that were stored are not read again

    assert [lost.texts(job_id) for job_id in plain + jobs] == expected * 2
    for job_id in jobs:
        assert lost.producer.status(job_id).status is JobState.SUCCEEDED
        assert [one.id for one in lost.producer.deliveries(job_id)] == [f"evt_{job_id}"]
        kinds = [event.type for event in lost.producer.events(job_id)]
        assert kinds.count("job.succeeded") == 1
    again = lost.producer.submit(documents[0], outputs=["json"], webhook=WEBHOOK, idempotency_key="key-0")
    assert again.id == jobs[0]


@pytest.mark.parametrize(
    "remote",
    [
        UrlSource(url="https://example.org/page.png"),
        S3Source(uri="s3://scans/page.png"),
        UploadSource(upload_id="0" * 32),
    ],
    ids=lambda remote: remote.type,
)
def test_a_job_whose_document_is_elsewhere_waits_again_to_be_fetched(lost: Lost, remote: RemoteSource) -> None:
    if isinstance(remote, UploadSource):
        remote = UploadSource(upload_id=lost.producer.uploads.create().upload_id)
        lost.producer.uploads.put(remote.upload_id, io.BytesIO(PNG))
    job, _ = lost.producer.submit_remote(remote, JobRequest(), idempotency_key="k")
    lost.lose()
    assert lost.recover() == NOTHING | {Found.REQUEUED: 1}
    claim = lost.store.leases.claim(Worker(queues=(names.QUEUE_FETCH,), holder="io/1", device="io"), lease_s=60)
    assert claim is not None
    assert (claim.lease.job_id, claim.record.remote) == (job.id, remote)
    assert lost.producer.submit_remote(remote, JobRequest(), idempotency_key="k")[0].id == job.id


def test_a_document_that_was_fetched_is_not_fetched_again(lost: Lost) -> None:
    """Its upload is gone by then, and what lies at an address may be another document."""
    upload = lost.producer.uploads.create()
    lost.producer.uploads.put(upload.upload_id, io.BytesIO(drawn_document(2, shade=10)))
    job, _ = lost.producer.submit_remote(UploadSource(upload_id=upload.upload_id), JobRequest(outputs=("json",)))
    assert lost.fetch()
    assert list(lost.objects.keys(names.UPLOADS_PREFIX)) == []
    lost.lose()
    assert lost.recover() == NOTHING | {Found.REQUEUED: 1}
    assert not lost.fetch()
    assert lost.work() == 2
    assert lost.producer.status(job.id).status is JobState.SUCCEEDED


def test_api_keys_open_again_after_recovery_and_revoked_ones_stay_away(lost: Lost) -> None:
    wanted = KeyRequest(owner="a", scopes=(Scope.READ,), requests_per_minute=60)
    kept, revoked, revoked_in_between = (lost.producer.create_key(wanted) for _ in range(3))
    lost.producer.revoke_key(revoked.api_key.id)
    lost.lose()
    lost.producer.revoke_key(revoked_in_between.api_key.id)
    assert lost.recover() == NOTHING | {Found.KEYS: 1}
    assert lost.recover() == NOTHING
    assert lost.producer.keys.recognise(kept.key) == kept.api_key
    for gone in (revoked, revoked_in_between):
        with pytest.raises(Unauthorized):
            lost.producer.keys.recognise(gone.key)


def test_a_worker_that_finds_its_job_gone_deletes_nothing(lost: Lost) -> None:
    job_id = lost.producer.submit(drawn_document(3), outputs=["json"]).id
    worker, _ = processor(lost.store, lost.objects, lost.queue, before_page=lost.lose)
    work_off(worker)
    assert names.manifest_key(job_id) in set(lost.objects.keys(names.job_prefix(job_id)))


def test_every_end_comes_back_as_it_was(lost: Lost) -> None:
    cancelled = lost.producer.submit(drawn_document(1), outputs=["json"]).id
    lost.producer.cancel(cancelled)
    broken = lost.producer.submit(drawn_document(1)[:100], outputs=["json"]).id
    done = lost.producer.submit(drawn_document(2), outputs=["json"], tag="t", metadata={"a": 1}).id
    lost.work()
    before = [lost.producer.status(job_id) for job_id in (cancelled, broken, done)]
    assert [job.status for job in before] == [JobState.CANCELLED, JobState.FAILED, JobState.SUCCEEDED]
    lost.lose()
    assert lost.recover() == NOTHING | {Found.RESTORED: 3}
    assert [lost.producer.status(job_id) for job_id in (cancelled, broken, done)] == before


def test_a_partial_job_can_be_run_again_after_recovery(lost: Lost) -> None:
    job_id = lost.producer.submit(drawn_document(2), outputs=["json"]).id
    stuck = JobError(code="page_timeout", message="too slow", retryable=True)
    for _ in range(3):
        claim = lost.store.leases.claim(CPU, lease_s=60)
        assert claim is not None
        lost.store.leases.crash(claim.lease, 2, stuck)
    lost.work()
    assert lost.producer.status(job_id).status is JobState.PARTIAL
    lost.lose()
    lost.recover()
    assert [job.id for job in lost.producer.dead_letters()] == [job_id]
    assert lost.producer.dead_letter(job_id).pages[2].code == "page_timeout"
    lost.producer.retry(job_id)
    assert lost.work() == 1
    job = lost.producer.status(job_id)
    assert (job.status, job.progress.pages_done, job.progress.pages_failed) == (JobState.SUCCEEDED, 2, 0)


def test_a_job_run_again_and_then_lost_runs_in_its_new_run(lost: Lost) -> None:
    job_id = lost.producer.submit(drawn_document(1), outputs=["json"], webhook=WEBHOOK).id
    lost.producer.cancel(job_id)
    lost.producer.retry(job_id)
    lost.lose()
    assert lost.recover() == NOTHING | {Found.REQUEUED: 1}
    lost.work()
    assert lost.producer.status(job_id).status is JobState.SUCCEEDED
    assert [one.id for one in lost.store.outbox.due(limit=10)] == [f"evt_{job_id}_1"]


def test_what_is_past_its_time_stays_away_or_expires(lost: Lost) -> None:
    ended, waited, ancient = (
        lost.producer.submit(drawn_document(1), device=device).id for device in ("cpu", "npu", "npu")
    )
    lost.work()
    lost.lose()
    lost.rewrite(ended, ago=timedelta(seconds=LIMITS.result_ttl_s + 1))
    lost.rewrite(waited, ago=timedelta(seconds=LIMITS.job_ttl_s + 1))
    lost.rewrite(ancient, ago=timedelta(seconds=LIMITS.job_ttl_s + LIMITS.result_ttl_s + 1))
    assert lost.recover() == NOTHING | {Found.OUTDATED: 2, Found.REQUEUED: 1}
    assert lost.store.upkeep.due(limit=10) == [waited]
    lost.store.upkeep.revisit(waited)
    assert lost.producer.status(waited).status is JobState.EXPIRED


def test_damaged_and_missing_manifests_are_counted_and_left_alone(lost: Lost) -> None:
    good, damaged, bare = (lost.producer.submit(drawn_document(1)).id for _ in range(3))
    lost.objects.put(names.manifest_key(damaged), b"{", media_type="application/json")
    lost.objects.delete(names.manifest_key(bare))
    lost.objects.put("jobs/notes.txt", b"not ours", media_type="text/plain")
    lost.lose()
    assert lost.recover() == NOTHING | {Found.REQUEUED: 1, Found.UNREADABLE: 1, Found.UNFINISHED: 1}
    assert lost.producer.status(good).status is JobState.QUEUED


def test_a_damaged_page_is_read_again(lost: Lost) -> None:
    job_id = lost.producer.submit(drawn_document(2), outputs=["json"]).id
    pages = iter(range(9))
    worker, _ = processor(
        lost.store, lost.objects, lost.queue, before_page=lambda: lost.lose() if next(pages) == 1 else None
    )
    work_off(worker)
    lost.objects.put(names.page_key(job_id, 1), b'{"page":1', media_type="application/json")
    lost.recover()
    assert lost.work() >= 1
    assert len(lost.texts(job_id)) == 2


def test_an_accepted_job_comes_back_and_the_try_before_it_that_was_not_answered_is_not_run(lost: Lost) -> None:
    data = drawn_document(2)
    lost.unanswered(data, key="k")
    accepted = lost.producer.submit(data, outputs=["json"], idempotency_key="k").id
    lost.work()
    before, (ghost, second) = lost.texts(accepted), lost.stored()
    assert second == accepted
    for _ in range(2):  # as often as Redis is lost
        lost.lose()
        assert lost.recover() == NOTHING | {Found.RESTORED: 1, Found.REPEATED: 1}
        assert lost.recover() == NOTHING | {Found.PRESENT: 2}
        assert lost.work() == 0
        assert lost.texts(accepted) == before
        assert lost.producer.submit(data, outputs=["json"], idempotency_key="k").id == accepted
    job = lost.producer.status(ghost)
    assert (job.status, accepted in (job.error.message if job.error else "")) == (JobState.CANCELLED, True)
    lost.producer.retry(ghost)  # should it have been accepted after all
    assert lost.work() == 2
    assert lost.texts(ghost) == before


def test_an_accepted_job_that_has_not_ended_comes_back_beside_the_tries_that_were_not_answered(lost: Lost) -> None:
    data = drawn_document(1)
    lost.unanswered(data, key="k")
    accepted = lost.producer.submit(data, outputs=["json"], idempotency_key="k").id
    lost.lose()
    assert lost.recover() == NOTHING | {Found.REQUEUED: 2}
    assert lost.recover() == NOTHING | {Found.PRESENT: 2}
    assert lost.producer.submit(data, outputs=["json"], idempotency_key="k").id == accepted
    lost.work()
    assert lost.producer.status(accepted).status is JobState.SUCCEEDED


@pytest.mark.parametrize("has_ended", [False, True])
def test_an_accepted_job_comes_back_beside_a_later_try_that_was_not_answered(lost: Lost, has_ended: bool) -> None:
    data = drawn_document(1)
    accepted = lost.producer.submit(data, outputs=["json"], idempotency_key="k").id
    if has_ended:
        lost.work()
    lost.unanswered(data, key="k")
    lost.lose()
    counts = lost.recover()
    assert counts == NOTHING | ({Found.RESTORED: 1, Found.REQUEUED: 1} if has_ended else {Found.REQUEUED: 2})
    lost.work()
    assert lost.producer.status(accepted).status is JobState.SUCCEEDED
    again = lost.producer.submit(data, outputs=["json"], idempotency_key="k").id
    assert (again == accepted) == has_ended


def test_a_submission_that_redis_does_not_answer_is_told_that_it_may_have_been_accepted(lost: Lost) -> None:
    told = lost.unanswered(drawn_document(1), key="k")
    assert "Redis does not answer" in told
    assert "may have been accepted, and repeating it with the same idempotency key is safe" in told
    assert "may have been accepted, look for it before" in lost.unanswered(drawn_document(1), key=None)
    assert len(lost.stored()) == 2
