"""A real object store behind a faulty way to it: work is put off and done again, and nothing is half there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from producer.backends import s3_objects
from producer.backends.redis_store import PREFIX
from producer.backends.s3_objects import S3ObjectStore
from producer.contract import names
from producer.contract.errors import NotFound, Unavailable
from producer.contract.jobs import JobState
from tests.faults.bench import Bench, fault_free_pages, request_of
from tests.faults.caseload import FILENAME
from tests.faults.commands import READ, document
from tests.faults.ledger import digest
from tests.faults.s3_proxy import S3Fault, S3FaultKind, S3Proxy, s3_proxy
from tests.faults.tcp_proxy import Kind, TcpProxy
from tests.servers.swift import SwiftServer

SILENCE_S = 0.5  # how long the store's client waits; a healthy server answers in a tenth of it


@pytest.fixture(scope="module")
def bucket(swift_server: SwiftServer) -> str:
    return swift_server.address.new_bucket()


@pytest.fixture
def proxy(swift_server: SwiftServer) -> Iterator[S3Proxy]:
    with s3_proxy(swift_server.address) as proxy:
        yield proxy


@pytest.fixture
def bench(redis_url: str, desk: Path, bucket: str, proxy: S3Proxy, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """A bench whose every request to the store is one attempt: the client's own repetitions would hide faults."""
    monkeypatch.setattr(s3_objects, "ATTEMPTS", 1)
    bench = Bench(redis_url, store_at(proxy.address.endpoint_url, bucket, proxy, monkeypatch), desk=desk)
    yield bench
    bench.close()


def store_at(endpoint_url: str, bucket: str, proxy: S3Proxy, monkeypatch: pytest.MonkeyPatch) -> S3ObjectStore:
    for name, value in proxy.address.environment.items():
        monkeypatch.setenv(name, value)
    return S3ObjectStore(bucket, "", endpoint_url=endpoint_url, region=proxy.address.region, read_timeout_s=SILENCE_S)


def stored_pages(server: SwiftServer, bucket: str, job_id: str) -> dict[str, str]:
    """What the server itself has of the job's pages: key and digest. An object that is not whole JSON fails here."""
    client = server.address.client()
    listing = client.list_objects_v2(Bucket=bucket, Prefix=f"{names.job_prefix(job_id)}pages/")
    keys = [item["Key"] for item in listing.get("Contents", ())]
    return {key: digest(client.get_object(Bucket=bucket, Key=key)["Body"].read(), job_id) for key in keys}


@pytest.mark.parametrize(
    "kind", [S3FaultKind.ERROR_500, S3FaultKind.SLOW_DOWN, S3FaultKind.HANG, S3FaultKind.RESET_UPLOAD]
)
def test_a_page_that_cannot_be_put_is_put_later_and_costs_no_attempt(
    bench: Bench, proxy: S3Proxy, swift_server: SwiftServer, bucket: str, kind: S3FaultKind
) -> None:
    """Row 21: S3 answers 500, 503 SlowDown, not at all, or breaks off an upload."""
    job_id = bench.submit(READ, READ)
    proxy.order(S3Fault(kind=kind, method="PUT", key="*/pages/00002.json", times=2))
    reader = bench.processor()
    for tries in (1, 2):
        assert reader.work(keep_message=lambda: None)
        job = bench.producer.status(job_id)
        assert (job.status, job.attempts, job.progress.pages_done) == (JobState.RUNNING, 1, 1)
        assert list(stored_pages(swift_server, bucket, job_id)) == [f"{names.job_prefix(job_id)}pages/00001.json"]
        assert proxy.left() == 2 - tries
        assert not reader.work(keep_message=lambda: None)  # it is put off, not tried without a pause
        bench.make_due()
        bench.reconciler.step()
    bench.finish()
    assert bench.producer.status(job_id).attempts == 1
    assert bench.violations() == []


@pytest.mark.parametrize(
    ("method", "key"), [("GET", "*/input/*"), ("PUT", "*/result.json"), ("PUT", "*/manifest.json")]
)
def test_every_other_step_that_needs_the_store_is_repeated_too(
    bench: Bench, proxy: S3Proxy, method: str, key: str
) -> None:
    """Row 21: the document cannot be fetched, the result or the manifest not be written."""
    job_id = bench.submit(READ, READ, READ)
    proxy.order(S3Fault(kind=S3FaultKind.ERROR_500, method=method, key=key, times=2))
    bench.finish()
    assert bench.producer.status(job_id).attempts == 1
    assert bench.producer.result(job_id)
    assert bench.violations() == []


def test_one_fault_is_ridden_over_by_the_client_itself(
    redis_url: str, desk: Path, bucket: str, proxy: S3Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Row 21: with its repetitions on, a single 503 or reset delays nothing."""
    bench = Bench(redis_url, store_at(proxy.address.endpoint_url, bucket, proxy, monkeypatch), desk=desk)
    job_id = bench.submit(READ)
    proxy.order(
        S3Fault(kind=S3FaultKind.SLOW_DOWN, method="PUT", key="*/pages/*"),
        S3Fault(kind=S3FaultKind.RESET_UPLOAD, method="PUT", key="*/result.json"),
    )
    assert bench.processor().work(keep_message=lambda: None)
    assert proxy.left() == 0
    assert bench.producer.status(job_id).status is JobState.SUCCEEDED
    assert bench.violations() == []
    bench.close()


def test_a_store_that_is_down_refuses_submissions_and_loses_none(
    redis_url: str, desk: Path, bucket: str, proxy: S3Proxy, swift_server: SwiftServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Row 21: nobody listens. What was accepted waits; what is submitted meanwhile is not accepted at all."""
    monkeypatch.setattr(s3_objects, "ATTEMPTS", 1)
    way = TcpProxy(int(swift_server.address.endpoint_url.rpartition(":")[2]))
    bench = Bench(redis_url, store_at(f"http://127.0.0.1:{way.port}", bucket, proxy, monkeypatch), desk=desk)
    job_id = bench.submit(READ)
    way.behave(Kind.REFUSE)
    with pytest.raises(Unavailable):
        bench.submit(READ)
    assert bench.processor().work(keep_message=lambda: None)
    assert bench.producer.status(job_id).status is JobState.RUNNING
    way.heal()
    bench.finish()
    assert bench.violations() == []
    bench.close()
    way.close()


def test_a_store_that_is_down_for_days_is_asked_every_few_minutes(bench: Bench, proxy: S3Proxy) -> None:
    """Row 21: the pause grows to five minutes and stays there, after any number of tries."""
    job_id = bench.submit(READ)
    proxy.order(S3Fault(kind=S3FaultKind.ERROR_500, method="GET", key="*/input/*", times=2))
    reader = bench.processor()
    assert reader.work(keep_message=lambda: None)
    bench.client.hset(f"{PREFIX}job:{job_id}:units", "0", json.dumps({"deaths": 0, "waits": 5_000}))
    bench.make_due()
    bench.reconciler.step()
    assert reader.work(keep_message=lambda: None)
    assert proxy.left() == 0
    seconds, _ = bench.client.time()
    pause_s = float(bench.client.zscore(f"{PREFIX}due", f"{job_id}/0") or 0) / 1000 - seconds
    assert 200 < pause_s < 400
    bench.finish()
    assert bench.producer.status(job_id).attempts == 1
    assert bench.violations() == []


def test_a_slow_store_is_waited_for(bench: Bench, proxy: S3Proxy) -> None:
    """Row 21: a store that sends little by little is not a store that is silent."""
    job_id = bench.submit(READ)
    proxy.order(S3Fault(kind=S3FaultKind.SLOW, method="GET", key="*/input/*", amount=40_000))
    bench.finish()
    assert proxy.left() == 0
    assert bench.producer.status(job_id).attempts == 1
    assert bench.violations() == []


@pytest.mark.parametrize("key", ["*/pages/00001.json", "*/result.json"])
def test_a_put_whose_reply_was_lost_is_repeated_and_the_same(
    bench: Bench, proxy: S3Proxy, swift_server: SwiftServer, bucket: str, key: str
) -> None:
    """Row 22: the server stored it and we do not know; the second put leaves one object, equal to the first."""
    job_id = bench.submit(READ)
    proxy.order(S3Fault(kind=S3FaultKind.LOST_REPLY, method="PUT", key=key))
    assert bench.processor().work(keep_message=lambda: None)
    first = stored_pages(swift_server, bucket, job_id)
    assert len(first) == 1
    assert bench.producer.status(job_id).status is JobState.RUNNING
    bench.finish()
    assert stored_pages(swift_server, bucket, job_id) == first
    assert bench.producer.status(job_id).attempts == 1
    assert bench.violations() == []


@pytest.mark.parametrize("key", ["*/input/*", "*/manifest.json"])
def test_a_submission_whose_put_was_not_answered_is_safe_to_repeat(bench: Bench, proxy: S3Proxy, key: str) -> None:
    """Row 22: the caller is told that nothing was accepted, and so it is; the same key then makes one job."""
    data = document([READ])
    proxy.order(S3Fault(kind=S3FaultKind.LOST_REPLY, method="PUT", key=key))
    with pytest.raises(Unavailable):
        bench.producer.submit(data, request_of({}), filename=FILENAME, idempotency_key="once")
    assert bench.collector.job_ids() == []
    again = [
        bench.producer.submit(data, request_of({}), filename=FILENAME, idempotency_key="once").id for _ in range(2)
    ]
    assert len(set(again)) == 1
    bench.enter(again[0], data)
    bench.finish()
    assert bench.violations() == []


@pytest.mark.parametrize("key", ["*/pages/00001.json", "*/result.json", "*/input/*"])
def test_a_body_that_was_changed_on_its_way_is_never_stored(
    bench: Bench, proxy: S3Proxy, swift_server: SwiftServer, bucket: str, key: str
) -> None:
    """Row 23: one byte flips; the server's check refuses it, and what is stored in the end is what was sent."""
    data = document([READ])
    proxy.order(S3Fault(kind=S3FaultKind.FLIPPED_BYTE, method="PUT", key=key))
    if key == "*/input/*":
        with pytest.raises(Unavailable):
            bench.producer.submit(data, request_of({}), filename=FILENAME)
    job_id = bench.producer.submit(data, request_of({}), filename=FILENAME).id
    bench.enter(job_id, data)
    bench.finish()
    refused = [one for one in proxy.handled() if one.fault is S3FaultKind.FLIPPED_BYTE]
    assert [one.status for one in refused] == [400]
    assert list(stored_pages(swift_server, bucket, job_id).values()) == list(fault_free_pages(data).values())
    assert bench.producer.status(job_id).attempts == 1
    assert bench.violations() == []


def test_a_deletion_that_the_store_did_not_answer_is_finished_by_the_next(
    bench: Bench, proxy: S3Proxy, swift_server: SwiftServer, bucket: str
) -> None:
    """Row 21: the record is gone and the bytes are not; who deletes again deletes them."""
    job_id = bench.submit(READ)
    bench.finish()
    proxy.order(S3Fault(kind=S3FaultKind.ERROR_500, key="*", times=2))
    with pytest.raises(Unavailable):
        bench.producer.delete(job_id)
    proxy.heal()
    assert stored_pages(swift_server, bucket, job_id)
    bench.producer.delete(job_id)
    assert list(bench.objects.keys(names.job_prefix(job_id))) == []
    with pytest.raises(NotFound):
        bench.producer.delete(job_id)
