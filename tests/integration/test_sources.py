"""Documents that are elsewhere: fetched by an io worker, handed on to a device."""

from __future__ import annotations

import errno
import io

import pytest

from producer.contract import names
from producer.contract.errors import InvalidRequest, OcrFleetError
from producer.contract.jobs import JobRequest, JobState
from producer.contract.sources import S3Source, UploadSource, UrlSource
from tests.contract.job_stores import CPU
from tests.integration.fetching import IO, Fetching
from tests.integration.serving import PNG


def test_a_document_at_an_address_is_fetched_and_then_waits_for_its_device(fetching: Fetching, site: str) -> None:
    job = fetching.producer.submit(f"{site}/page.png?key=secret", device="cpu", tag="t")
    assert fetching.bells.rung == ["ocr.fetch"]
    assert fetching.store.leases.claim(CPU, lease_s=60) is None
    position = fetching.store.jobs.changes(after=None).position
    assert fetching.fetch()
    assert [change.job_id for change in fetching.store.jobs.changes(after=position).jobs] == [job.id]
    assert fetching.bells.rung == ["ocr.fetch", "ocr.cpu"]
    waiting = fetching.producer.status(job.id)
    assert (waiting.status, waiting.device, waiting.started_at, waiting.attempts) == (JobState.QUEUED, None, None, 0)
    claim = fetching.store.leases.claim(CPU, lease_s=60)
    assert claim is not None
    source = claim.record.source
    assert (source.filename, source.media_type, source.size_bytes) == ("page.png", "image/png", len(PNG))
    assert fetching.objects.get(names.input_key(job.id, "page.png")) == PNG
    assert "secret" not in fetching.producer.status(job.id).model_dump_json()
    events = fetching.producer.events(job.id)
    assert [(event.type, event.data.get("device")) for event in events] == [
        ("job.queued", None),
        ("job.started", "cpu"),
    ]


def test_redirects_are_followed_and_too_many_are_not(fetching: Fetching, site: str) -> None:
    fetching.producer.submit(f"{site}/to/to/page.png")
    fetching.fetch()
    assert fetching.store.leases.claim(CPU, lease_s=60) is not None
    job = fetching.producer.submit(f"{site}/loop")
    ended = fetching.fetch_to_the_end(job.id)
    assert ended.error is not None
    assert "redirected more than" in ended.error.message


@pytest.mark.parametrize(
    ("path", "code", "retryable"),
    [
        ("/nothing", "source_unreachable", True),
        ("/packed", "source_unreachable", True),
        ("/drip", "source_unreachable", True),
        ("/endless", "too_large", False),
        ("/words", "unsupported_media", False),
        ("/empty", "invalid_request", False),
    ],
)
def test_a_document_that_cannot_be_had_fails_its_job_in_bounded_time_and_bytes(
    fetching: Fetching, site: str, path: str, code: str, retryable: bool
) -> None:
    job = fetching.producer.submit(f"{site}{path}?token=secret")
    ended = fetching.fetch_to_the_end(job.id, timeout_s=0.3)
    assert (ended.status, ended.error and (ended.error.code, ended.error.retryable)) == (
        JobState.FAILED,
        (code, retryable),
    )
    assert ended.error is not None
    assert "secret" not in ended.error.message
    assert [one.id for one in fetching.producer.dead_letters()] == ([job.id] if retryable else [])
    assert not [key for key in fetching.objects.keys("jobs/") if "/input/" in key]


def test_a_failed_fetch_is_tried_again_by_hand(fetching: Fetching, site: str) -> None:
    job = fetching.producer.submit(f"{site}/nothing")
    fetching.fetch_to_the_end(job.id)
    fetching.producer.retry(job.id)
    assert fetching.store.leases.claim(IO, lease_s=60) is not None


class NoRoom(io.BytesIO):
    """A file on a full disk."""

    def write(self, _: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("kind", ["url", "upload"])
def test_a_full_disk_of_the_worker_is_not_held_against_the_document(
    fetching: Fetching, site: str, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    producer, upload = fetching.producer, fetching.producer.uploads.create()
    producer.uploads.put(upload.upload_id, io.BytesIO(PNG))
    source = UrlSource(url=f"{site}/page.png") if kind == "url" else UploadSource(upload_id=upload.upload_id)
    job, _ = producer.submit_remote(source, JobRequest())
    with monkeypatch.context() as full:
        full.setattr("workers.fetching.tempfile.TemporaryFile", NoRoom)
        assert not fetching.fetch_to_the_end(job.id).status.is_terminal
    fetching.fetch_to_the_end(job.id)
    claim = fetching.store.leases.claim(CPU, lease_s=60)
    assert claim is not None
    assert fetching.objects.get(names.input_key(job.id, claim.record.source.filename)) == PNG


def test_a_job_that_is_cancelled_while_it_is_fetched_ends_and_one_that_is_deleted_leaves_nothing(
    fetching: Fetching, site: str
) -> None:
    cancelled = fetching.producer.submit(f"{site}/page.png")
    claim = fetching.store.leases.claim(IO, lease_s=60)
    assert claim is not None
    fetching.producer.cancel(cancelled.id)
    answer = fetching.store.leases.fetched(claim.lease, claim.record.source, queue="ocr.any")
    assert answer.state == "cancelled"


def test_the_same_key_and_address_make_the_same_job_and_another_address_does_not(fetching: Fetching, site: str) -> None:
    producer = fetching.producer
    first, again = (producer.submit_remote(UrlSource(url=f"{site}/a"), JobRequest(), idempotency_key="k") for _ in "ab")
    assert (first[0].id, first[1], again[1]) == (again[0].id, True, False)
    with pytest.raises(OcrFleetError) as refused:
        producer.submit_remote(S3Source(uri="s3://scans/a"), JobRequest(), idempotency_key="k")
    assert refused.value.code == "idempotency_mismatch"


def test_a_document_that_is_elsewhere_cannot_be_compared_for_reuse(fetching: Fetching, site: str) -> None:
    with pytest.raises(InvalidRequest, match="reuse"):
        fetching.producer.submit(f"{site}/page.png", reuse=True)
