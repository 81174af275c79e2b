"""Documents in buckets and of uploads: taken when they are submitted, and by whom."""

from __future__ import annotations

import io

import pytest

from producer.contract import names
from producer.contract.errors import IdempotencyMismatch, InvalidRequest, NotFound, OcrFleetError, SourceForbidden
from producer.contract.jobs import JobRequest
from producer.contract.keys import Tenant
from producer.contract.sources import UploadSource
from tests.integration.fetching import MAX_BYTES, Fetching
from tests.integration.serving import PNG


def test_an_object_of_an_allowed_bucket_is_taken(fetching: Fetching) -> None:
    fetching.other_bucket.put("may/page.png", PNG, media_type="image/png")
    job = fetching.producer.submit("s3://scans/may/page.png")
    fetching.fetch()
    assert fetching.objects.get(names.input_key(job.id, "page.png")) == PNG


@pytest.mark.parametrize("uri", ["s3://secrets/page.png", "s3://scans.evil/page.png", "s3://Scans/page.png"])
def test_a_bucket_that_is_not_allowed_is_refused_at_submission(fetching: Fetching, uri: str) -> None:
    with pytest.raises(SourceForbidden, match="OCRFLEET_S3_SOURCE_BUCKETS"):
        fetching.producer.submit(uri)


def test_an_object_that_is_not_there_fails_its_job(fetching: Fetching) -> None:
    job = fetching.producer.submit("s3://scans/nothing.png")
    ended = fetching.fetch_to_the_end(job.id)
    assert ended.error is not None
    assert ended.error.code == "source_unreachable"


def test_an_upload_becomes_the_document_of_one_job(fetching: Fetching) -> None:
    producer = fetching.producer
    upload = producer.uploads.create()
    with pytest.raises(InvalidRequest, match="there is no upload"):
        producer.submit_remote(UploadSource(upload_id=upload.upload_id), JobRequest())
    producer.uploads.put(upload.upload_id, io.BytesIO(PNG))
    job, _ = producer.submit_remote(UploadSource(upload_id=upload.upload_id, filename="scan.png"), JobRequest())
    fetching.fetch()
    assert fetching.objects.get(names.input_key(job.id, "scan.png")) == PNG
    assert list(fetching.objects.keys("uploads/")) == []


def test_an_upload_that_is_submitted_again_under_its_key_is_the_same_job(fetching: Fetching) -> None:
    """A client repeats a submission whose answer was lost; by then the upload may be gone."""
    producer = fetching.producer
    upload = producer.uploads.create()
    producer.uploads.put(upload.upload_id, io.BytesIO(PNG))
    source = UploadSource(upload_id=upload.upload_id)
    first = producer.submit_remote(source, JobRequest(), idempotency_key="k")
    fetching.fetch()
    again = producer.submit_remote(source, JobRequest(), idempotency_key="k")
    assert (again[0].id, first[1], again[1]) == (first[0].id, True, False)
    with pytest.raises(IdempotencyMismatch):
        producer.submit_remote(source, JobRequest(tag="t"), idempotency_key="k")
    with pytest.raises(InvalidRequest, match="there is no upload"):
        producer.submit_remote(source, JobRequest())


def test_an_upload_that_waits_to_be_fetched_is_no_other_jobs(fetching: Fetching) -> None:
    producer = fetching.producer
    upload = producer.uploads.create()
    producer.uploads.put(upload.upload_id, io.BytesIO(PNG))
    source = UploadSource(upload_id=upload.upload_id)
    job, _ = producer.submit_remote(source, JobRequest())
    with pytest.raises(InvalidRequest, match=f"document of job {job.id}"):
        producer.submit_remote(source, JobRequest())
    assert {key.split("/")[1] for key in fetching.objects.keys("jobs/")} == {job.id}
    fetching.fetch()
    with pytest.raises(InvalidRequest, match="there is no upload"):
        producer.submit_remote(source, JobRequest())


def test_an_upload_of_another_owner_is_not_there(fetching: Fetching) -> None:
    mine, theirs = (fetching.producer.of(Tenant(owner=owner)) for owner in ("a", "b"))
    upload = mine.uploads.create()
    mine.uploads.put(upload.upload_id, io.BytesIO(PNG))
    with pytest.raises(InvalidRequest, match="there is no upload"):
        theirs.submit_remote(UploadSource(upload_id=upload.upload_id), JobRequest())


@pytest.mark.parametrize(
    ("data", "code"),
    [(b"words", "unsupported_media"), (b"", "invalid_request"), (PNG + b"\0" * MAX_BYTES, "too_large")],
)
def test_an_upload_is_looked_at_when_it_is_sent(fetching: Fetching, data: bytes, code: str) -> None:
    upload = fetching.producer.uploads.create()
    with pytest.raises(OcrFleetError) as refused:
        fetching.producer.uploads.put(upload.upload_id, io.BytesIO(data))
    assert refused.value.code == code
    with pytest.raises(NotFound):
        fetching.producer.uploads.put("../../jobs", io.BytesIO(PNG))


@pytest.mark.parametrize("upload_id", ["f" * 32, "d" + "0" * 31])  # of the years 10889 and 9217
def test_an_upload_of_the_time_to_come_is_refused(fetching: Fetching, upload_id: str) -> None:
    with pytest.raises(NotFound):
        fetching.producer.uploads.put(upload_id, io.BytesIO(PNG))
    assert list(fetching.objects.keys("uploads/")) == []
