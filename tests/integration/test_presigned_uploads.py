"""Uploads straight to an S3 server that checks signatures, OpenStack Swift's, and the jobs made of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import httpx
import pytest

from producer.backends.celery_queue import CeleryQueue
from producer.backends.redis_store import RedisJobStore
from producer.backends.s3_objects import S3ObjectStore
from producer.client import OcrFleetClient
from producer.contract import names
from producer.contract.errors import InvalidRequest, OcrFleetError
from producer.contract.ports import ObjectStore
from producer.contract.sources import UploadSource
from producer.direct import Producer
from producer.remote import RemoteRules
from producer.settings import Settings
from producer.uploads import Uploads
from tests.contract.job_stores import CPU
from tests.integration.conftest import LIMITS
from tests.integration.doorbell import Bells
from tests.integration.serving import PNG, serving
from tests.servers.process import wait_until
from tests.servers.swift import SwiftServer
from workers.fetching import Fetcher, FetchLimits
from workers.heartbeat import LeaseTimes

MAX_BYTES = 4096


@dataclass(frozen=True, kw_only=True, slots=True)
class Service:
    """An API on Redis and Swift, and what its io worker does."""

    client: OcrFleetClient
    address: str
    store: RedisJobStore
    objects: ObjectStore

    def upload(self) -> tuple[str, str]:
        """An upload: its id, and where to send it."""
        asked = httpx.post(f"{self.address}/v1/uploads").raise_for_status().json()
        return asked["upload_id"], asked["url"]

    def fetch(self) -> None:
        Fetcher(
            store=self.store,
            objects=self.objects,
            doorbell=Bells(),
            open_bucket=lambda _: self.objects,
            limits=FetchLimits(
                rules=RemoteRules(),
                max_bytes=MAX_BYTES,
                timeout_s=5,
                lease=LeaseTimes(lease_s=60, heartbeat_s=60),
            ),
            holder="io/1",
        ).work(keep_message=lambda: None)

    def refusal(self, upload_id: str) -> str:
        """The code with which a job of the upload is refused."""
        with pytest.raises(OcrFleetError) as refused:
            self.client.submit(UploadSource(upload_id=upload_id))
        return refused.value.code


@pytest.fixture
def service(
    redis_url: str, store: RedisJobStore, swift_server: SwiftServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Service]:
    address = swift_server.address
    for name, value in address.environment.items():
        monkeypatch.setenv(name, value)
    objects = S3ObjectStore(address.new_bucket(), "prod", endpoint_url=address.endpoint_url, region=address.region)
    limits = replace(LIMITS, max_file_bytes=MAX_BYTES)
    producer = Producer(store, objects, CeleryQueue(redis_url), limits)
    with serving(producer, Settings(max_file_bytes=MAX_BYTES)) as api, OcrFleetClient(api) as client:
        yield Service(client=client, address=api, store=store, objects=objects)
    producer.close()


def test_what_is_sent_to_the_address_of_an_upload_is_the_document_of_its_job(service: Service) -> None:
    upload_id, url = service.upload()
    assert not url.startswith(service.address)
    assert httpx.put(url, content=PNG).status_code == 200
    job = service.client.submit(UploadSource(upload_id=upload_id, filename="scan.png"), device="cpu")
    service.fetch()
    assert service.objects.get(names.input_key(job.id, "scan.png")) == PNG
    claim = service.store.leases.claim(CPU, lease_s=60)
    assert claim is not None
    assert (claim.record.source.filename, claim.record.source.size_bytes) == ("scan.png", len(PNG))
    with pytest.raises(InvalidRequest, match="there is no upload"):  # each serves for one job
        service.client.submit(UploadSource(upload_id=upload_id))


def test_the_client_sends_a_document_to_the_store_itself(service: Service) -> None:
    source = service.client.upload(PNG, filename="scan.png")
    assert service.objects.get(names.upload_key("", source.upload_id)) == PNG


@pytest.mark.parametrize(
    ("data", "code"),
    [(PNG + bytes(MAX_BYTES), "too_large"), (b"", "invalid_request"), (b"words", "unsupported_media")],
)
def test_an_upload_that_is_no_document_of_ours_is_refused_when_a_job_is_made_of_it(
    service: Service, data: bytes, code: str
) -> None:
    upload_id, url = service.upload()
    assert httpx.put(url, content=data).status_code == 200
    assert service.refusal(upload_id) == code


def test_an_address_opens_no_other_object(service: Service) -> None:
    upload_id, url = service.upload()
    assert httpx.put(url.replace(upload_id, "0" * 32), content=PNG).status_code == 403


def test_an_address_whose_time_is_over_is_refused(service: Service) -> None:
    upload = Uploads(objects=service.objects, owner="", ttl_s=1, max_bytes=MAX_BYTES).create()
    wait_until(lambda: httpx.put(upload.url, content=b"").status_code == 403, lambda: "it still opens", timeout_s=30)
    assert httpx.put(upload.url, content=PNG).status_code == 403
    assert service.refusal(upload.upload_id) == "invalid_request"
