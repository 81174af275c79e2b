"""Large documents through a real API process, whose memory they do not fill."""

from __future__ import annotations

import json
import os
import random
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import psutil
import pymupdf
import pytest
import redis

from producer.backends.local_objects import LocalObjectStore
from producer.backends.redis_store import RedisJobStore
from producer.client import OcrFleetClient
from producer.contract.jobs import Job, JobState
from tests.contract.job_stores import CPU
from tests.faults.bench import LATEST_S, LIMITS, Bell, at_once
from tests.faults.engine import StandInEngine
from tests.integration.serving import PNG
from tests.servers.redis import RedisServer
from workers.engines import Engines
from workers.process import UnitProcessor

MIB = 1 << 20
RESIDENT_MAX_MIB = 300
PAGES, PICTURE = 300, (260, 200)  # pixels of chance: 152 kB on each page, 45 MB in all


@dataclass(frozen=True, kw_only=True, slots=True)
class RunningApi:
    """An API process, and where it keeps things."""

    address: str
    process: psutil.Process
    redis_url: str
    objects: Path

    def peak_mib(self) -> float:
        """The most that was ever resident."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) / 1024


@pytest.fixture(scope="module")
def api(redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApi]:
    redis_url = redis_server.database_url(0)
    with redis.Redis.from_url(redis_url) as client:
        client.flushdb()
    objects = tmp_path_factory.mktemp("objects")
    environment = os.environ | {
        "OCRFLEET_REDIS_URL": redis_url,
        "OCRFLEET_STORE_URL": f"file://{objects}",
        "OCRFLEET_MAX_FILE_BYTES": str(2048 * MIB),
    }
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        command = [sys.executable, "-m", "workers", "api", "--fd", str(listener.fileno())]
        process = subprocess.Popen(command, env=environment, pass_fds=[listener.fileno()])
    try:
        httpx.get(f"{address}/health/ready", timeout=60).raise_for_status()
        yield RunningApi(address=address, process=psutil.Process(process.pid), redis_url=redis_url, objects=objects)
    finally:
        process.terminate()
        process.wait()


@pytest.fixture
def client(api: RunningApi) -> Iterator[OcrFleetClient]:
    with OcrFleetClient(api.address, timeout_s=300) as client:
        yield client


@pytest.mark.parametrize("size_mib", [64, pytest.param(1024, marks=pytest.mark.soak)])
def test_a_large_document_fills_no_memory(
    api: RunningApi, client: OcrFleetClient, tmp_path: Path, size_mib: int
) -> None:
    """As multipart and as an upload. 64 MiB held once would show as well: the process itself takes some 110."""
    with (tmp_path / "large.png").open("wb") as file:
        file.write(PNG)
        file.truncate(size_mib * MIB)
    small = client.submit(PNG)
    before = api.peak_mib()
    large = [client.submit(tmp_path / "large.png"), client.submit(client.upload(tmp_path / "large.png"))]
    peak = api.peak_mib()
    for job in (small, *large):
        assert job.status is JobState.QUEUED
        client.delete(job.id)  # nobody shall read them
    assert peak - before < 32, (before, peak)
    assert peak < RESIDENT_MAX_MIB


def test_a_pdf_of_300_pages_fills_no_memory_from_its_submission_to_its_last_page(
    api: RunningApi, client: OcrFleetClient, tmp_path: Path
) -> None:
    document = tmp_path / "long.pdf"
    document.write_bytes(long_pdf())
    before = api.peak_mib()
    job_id = client.submit(document, outputs=["json"]).id
    job, _ = at_once(lambda: client.wait(job_id, timeout_s=LATEST_S), lambda: read_all(api, tmp_path))
    assert isinstance(job, Job)
    assert (job.status, job.progress.pages_done) == (JobState.SUCCEEDED, PAGES)
    pages = json.loads(client.result(job_id))["pages"]
    assert [page["page"] for page in pages] == list(range(1, PAGES + 1))
    texts = {json.loads(client.page(job_id, page))["result"]["rec_texts"][0] for page in range(1, PAGES + 1)}
    assert len(texts) == PAGES  # each was rendered and read by itself
    peak = api.peak_mib()
    assert peak - before < 32, (before, peak)
    assert peak < RESIDENT_MAX_MIB


def read_all(api: RunningApi, desk: Path) -> None:
    """What a worker does, until there is nothing to do; units are large, since each takes the document anew."""
    store = RedisJobStore(api.redis_url)
    reader = UnitProcessor(
        engines=Engines(lambda _options: StandInEngine(desk=desk), {}, most=1),
        store=store,
        objects=LocalObjectStore(api.objects),
        doorbell=Bell(),
        limits=replace(LIMITS, unit_pages=100),
        worker=CPU,
    )
    while reader.work(keep_message=lambda: None):
        pass
    store.close()


def long_pdf() -> bytes:
    """Pages that all differ and cannot be made smaller, so that what holds the document holds its 45 MB."""
    chance = random.Random(300)
    with pymupdf.open() as document:
        for _ in range(PAGES):
            width, height = PICTURE
            pixels = pymupdf.Pixmap(pymupdf.csRGB, width, height, chance.randbytes(width * height * 3), False)
            document.new_page(width=width, height=height).insert_image((0, 0, width, height), pixmap=pixels)
        return bytes(document.tobytes(deflate=False))
