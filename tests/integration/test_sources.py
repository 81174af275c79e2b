"""Documents that are elsewhere: checked when they are submitted, fetched by an io worker, handed on to a device."""

from __future__ import annotations

import asyncio
import errno
import io
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address

import pytest

from producer.backends.memory_objects import MemoryObjectStore
from producer.backends.memory_store import MemoryJobStore
from producer.contract import names
from producer.contract.errors import IdempotencyMismatch, InvalidRequest, NotFound, OcrFleetError, SourceForbidden
from producer.contract.jobs import Job, JobRequest, JobState
from producer.contract.keys import Tenant
from producer.contract.leases import Worker
from producer.contract.ports import ObjectStore
from producer.contract.sources import S3Source, UploadSource, UrlSource
from producer.direct import Producer
from producer.intake import ProducerLimits
from producer.remote import RemoteRules
from tests.contract.job_stores import CPU
from tests.integration.doorbell import Bells
from tests.integration.serving import PNG
from tests.integration.web_site import web_site
from workers.fetching import Fetcher, FetchLimits
from workers.heartbeat import LeaseTimes

MAX_BYTES = 200_000
IO = Worker(queues=(names.QUEUE_FETCH,), holder="io/1", device="io")


class Clock:
    """Seconds since the epoch, moved by hand."""

    def __init__(self) -> None:
        self.now_s = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now_s


@dataclass(frozen=True, kw_only=True, slots=True)
class Fetching:
    """A producer and an io worker's fetcher on stores in memory."""

    clock: Clock
    store: MemoryJobStore
    objects: MemoryObjectStore
    bells: Bells
    other_bucket: MemoryObjectStore
    rules: RemoteRules

    @property
    def producer(self) -> Producer:
        limits = ProducerLimits(
            max_file_bytes=MAX_BYTES,
            max_open_jobs=100,
            job_ttl_s=3600,
            result_ttl_s=3600,
            webhooks_signed=True,
            remote=self.rules,
        )
        return Producer(self.store, self.objects, self.bells, limits)

    def fetch(self, *, timeout_s: float = 5) -> bool:
        def open_bucket(bucket: str) -> ObjectStore:
            assert bucket == "scans"
            return self.other_bucket

        lease = LeaseTimes(lease_s=60, heartbeat_s=60)
        fetcher = Fetcher(
            store=self.store,
            objects=self.objects,
            doorbell=self.bells,
            open_bucket=open_bucket,
            limits=FetchLimits(rules=self.rules, max_bytes=MAX_BYTES, timeout_s=timeout_s, lease=lease),
            holder="io/1",
        )
        return fetcher.work(keep_message=lambda: None)

    def fetch_to_the_end(self, job_id: str, *, timeout_s: float = 5) -> Job:
        """With all its tries, the pauses between them passed over."""
        for _ in range(5):
            if not self.fetch(timeout_s=timeout_s):
                self.clock.now_s += 600
                for due in self.store.upkeep.due(limit=10):
                    self.store.upkeep.revisit(due)
            if (job := self.producer.status(job_id)).status.is_terminal:
                return job
        return job


@pytest.fixture
def fetching() -> Fetching:
    clock = Clock()
    return Fetching(
        clock=clock,
        store=MemoryJobStore(clock),
        objects=MemoryObjectStore(),
        bells=Bells(),
        other_bucket=MemoryObjectStore(),
        rules=RemoteRules(buckets=frozenset({"scans"}), allow_private_urls=True),
    )


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    with web_site() as address:
        yield address


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


# --- addresses that lead inside

INWARD_URLS = [
    "http://127.0.0.1/a.png",
    "http://localhost/a.png",
    "http://localhost./a.png",
    "http://printer.localhost/a.png",
    "http://[::1]/a.png",
    "http://2130706433/a.png",
    "http://0x7f000001/a.png",
    "http://0177.0.0.1/a.png",
    "http://127.1/a.png",
    "http://[::ffff:127.0.0.1]/a.png",
    "http://[::127.0.0.1]/a.png",
    "http://[64:ff9b::7f00:1]/a.png",
    "http://[2002:7f00:1::]/a.png",
    "http://0.0.0.0/a.png",
    "http://10.0.0.1/a.png",
    "http://172.16.0.1/a.png",
    "http://192.168.1.1/a.png",
    "http://100.64.0.1/a.png",
    "http://169.254.169.254/latest/meta-data/",
    "http://[fe80::1]/a.png",
    "http://[fd00:ec2::254]/latest/",
    "http://224.0.0.1/a.png",
    "http://[ff02::1]/a.png",
    "http://1.1.1.1:22/a.png",
    "http://example.org:6379/",
]


@pytest.mark.parametrize("url", INWARD_URLS)
def test_an_address_inside_is_refused_at_submission(fetching: Fetching, url: str) -> None:
    closed = Producer(fetching.store, fetching.objects, fetching.bells, closed_limits())
    with pytest.raises(SourceForbidden):
        closed.submit(url)
    assert list(fetching.objects.keys("jobs/")) == []


NO_ADDRESSES = [
    "http://",
    "https:///a",
    "http://user:word@example.org/",
    "http://exa mple.org/",
    "http://[::1",
    "http://h:x/",
    "http://a..b.com/",
    f"http://{'a' * 64}.com/",
]


@pytest.mark.parametrize("url", NO_ADDRESSES)
def test_what_is_no_address_is_refused_at_submission(fetching: Fetching, url: str) -> None:
    with pytest.raises(InvalidRequest):
        fetching.producer.submit(url)


def closed_limits() -> ProducerLimits:
    return ProducerLimits(
        max_file_bytes=MAX_BYTES, max_open_jobs=100, job_ttl_s=60, result_ttl_s=60, webhooks_signed=True
    )


def closed(fetching: Fetching) -> Fetching:
    """The same with private addresses refused."""
    return Fetching(
        clock=fetching.clock,
        store=fetching.store,
        objects=fetching.objects,
        bells=fetching.bells,
        other_bucket=fetching.other_bucket,
        rules=RemoteRules(),
    )


def resolving(monkeypatch: pytest.MonkeyPatch, *answers: str) -> list[str]:
    """Names stand for one address after the other, and then for the last."""
    left, asked = list(answers), []

    async def getaddrinfo(_loop: object, host: str | bytes, port: int, **_: object) -> list[tuple[object, ...]]:
        address = left.pop(0) if len(left) > 1 else left[0]
        asked.append(address)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", getaddrinfo)
    return asked


def test_a_name_that_stands_for_an_address_inside_is_never_reached(
    fetching: Fetching, monkeypatch: pytest.MonkeyPatch
) -> None:
    guarded = closed(fetching)
    job = guarded.producer.submit("http://documents.example/page.png")
    asked = resolving(monkeypatch, "10.0.0.1")
    ended = guarded.fetch_to_the_end(job.id, timeout_s=2)
    assert ended.error is not None
    assert ended.error.code == "source_forbidden"
    assert asked == ["10.0.0.1"]


def test_a_name_is_looked_up_once_and_the_answer_is_where_the_connection_goes(
    fetching: Fetching, site: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNS rebinding: a second look-up, which would answer with an address inside, never happens.

    This machine plays the public server, so the guard must take its address for one.
    """
    guarded, port = closed(fetching), int(site.rpartition(":")[2])
    playing_public(monkeypatch, port)
    asked = resolving(monkeypatch, "127.0.0.1", "10.0.0.1")
    job = guarded.producer.submit(f"http://documents.example:{port}/page.png")
    guarded.fetch()
    assert asked == ["127.0.0.1"]
    assert fetching.objects.get(names.input_key(job.id, "page.png")) == PNG


def playing_public(monkeypatch: pytest.MonkeyPatch, port: int) -> None:
    outside = {ip_address("127.0.0.1")}
    monkeypatch.setattr("producer.remote._PORTS", (None, 80, 443, port))
    monkeypatch.setattr("producer.addresses.is_outside", lambda address: address in outside)
    # The belt below the braces refuses loopback on its own.
    monkeypatch.setattr("workers.outside.httpx_ssrf_protection", lambda client, **_: client)


@pytest.mark.parametrize("target", ["http:!169.254.169.254/", "http:!10.0.0.1/a.png", "ftp:!example.org/a.png"])
def test_where_a_redirect_leads_is_checked_again(
    fetching: Fetching, site: str, monkeypatch: pytest.MonkeyPatch, target: str
) -> None:
    """This machine plays the public server, so the guard must take it for one: only the redirect is refused."""
    guarded = closed(fetching)
    playing_public(monkeypatch, int(site.rpartition(":")[2]))
    job = guarded.producer.submit(f"{site}/away/{target}")
    ended = guarded.fetch_to_the_end(job.id)
    assert ended.error is not None
    assert ended.error.code in ("source_forbidden", "invalid_request")


# --- buckets and uploads


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


# --- on the way


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
