"""The whole system on S3 servers: documents in, results out, files by redirect to a presigned address."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from producer.client import OcrFleetClient
from producer.contract import names
from producer.contract.jobs import JobState
from producer.contract.results import DocumentResult
from tests.acceptance.conftest import running
from tests.servers.moto_s3 import MotoServer
from tests.servers.swift import SwiftServer
from workers.demo.samples import draw
from workers.fleet.supervisor import System


@pytest.fixture(params=["moto", "swift"])
def bucket_server(request: pytest.FixtureRequest) -> MotoServer | SwiftServer:
    server: MotoServer | SwiftServer = request.getfixturevalue(f"{request.param}_server")
    return server


@pytest.fixture
def bucket(bucket_server: MotoServer | SwiftServer, monkeypatch: pytest.MonkeyPatch) -> str:
    """A new bucket, and the settings that lead to it."""
    address = bucket_server.address
    bucket = address.new_bucket()
    for name, value in address.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("OCRFLEET_STORE_URL", f"s3://{bucket}/prod")
    monkeypatch.setenv("OCRFLEET_S3_ENDPOINT_URL", address.endpoint_url)
    monkeypatch.setenv("OCRFLEET_S3_REGION", address.region)
    return bucket


@pytest.fixture
def system(bucket: str, tmp_path: Path) -> Iterator[System]:
    assert bucket
    with running(tmp_path) as system:
        yield system


def test_a_document_goes_through_s3_and_its_files_are_fetched_from_there(
    system: System, bucket_server: MotoServer | SwiftServer, bucket: str, tmp_path: Path
) -> None:
    sample = draw("notice.png")
    with OcrFleetClient(system.server) as client:
        job = client.wait(client.submit(sample.data, filename=sample.name).id, timeout_s=60)
        assert job.status is JobState.SUCCEEDED
        assert DocumentResult.model_validate_json(client.result(job.id)).status is JobState.SUCCEEDED
        client.download(job.id, "00001_ocr_res_img.jpg", tmp_path / "image.jpg")
    answer = httpx.get(f"{system.server}/v1/jobs/{job.id}/files/00001_ocr_res_img.jpg", follow_redirects=False)
    assert answer.status_code == 307
    assert answer.headers["Location"].startswith(bucket_server.address.endpoint_url)
    direct = httpx.get(answer.url, params={"redirect": False}, follow_redirects=False)
    assert (direct.status_code, direct.content) == (200, (tmp_path / "image.jpg").read_bytes())
    listing = bucket_server.address.client().list_objects_v2(Bucket=bucket)
    stored = {entry["Key"] for entry in listing["Contents"]}
    assert stored == {
        f"prod/{key}"
        for key in (
            names.input_key(job.id, "notice.png"),
            names.manifest_key(job.id),
            names.page_key(job.id, 1),
            names.picture_key(job.id, names.image_name(1)),
            names.picture_key(job.id, names.view_name(1, "page")),
            names.result_key(job.id),
        )
    }
