"""The same mistake has the same code in the API, the command and Python; and the worker lives."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pymupdf
import pytest
from PIL import Image

from ocr_engine import EngineError, OCREngine
from producer.client import OcrFleetClient
from producer.connect import connect
from producer.contract.errors import OcrFleetError
from producer.contract.jobs import JobState
from producer.direct import Producer
from producer.settings import Settings
from workers.demo.samples import draw
from workers.fleet.supervisor import System


def _corrupt_pdf() -> bytes:
    return b"%PDF-1.7\n" + bytes(range(256)) * 20


def _encrypted_pdf() -> bytes:
    document = pymupdf.Document()
    document.new_page()
    return bytes(document.tobytes(encryption=pymupdf.mupdf.PDF_ENCRYPT_AES_256, user_pw="secret", owner_pw="owner"))


def _wide_image() -> bytes:
    buffer = io.BytesIO()
    Image.new("L", (60_000, 10), 255).save(buffer, format="PNG")
    return buffer.getvalue()


def _truncated_png() -> bytes:
    data = draw("notice.png").data
    return data[: len(data) // 3]


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """A document that cannot be read, and the code that says why."""

    filename: str
    data: Callable[[], bytes]
    code: str


MISTAKES = {
    "corrupt PDF": Mistake(filename="corrupt.pdf", data=_corrupt_pdf, code="unreadable_document"),
    "encrypted PDF": Mistake(filename="encrypted.pdf", data=_encrypted_pdf, code="encrypted_document"),
    "text named .png": Mistake(filename="text.png", data=lambda: b"only words\n", code="unsupported_media"),
    "empty file": Mistake(filename="empty.png", data=lambda: b"", code="invalid_request"),
    "60,000 x 10 image": Mistake(filename="wide.png", data=_wide_image, code="page_too_large"),
    "truncated image": Mistake(filename="cut.png", data=_truncated_png, code="unreadable_document"),
}
every_mistake = pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES.keys())


@pytest.fixture(scope="module")
def producer(system: System) -> Iterator[Producer]:
    addresses = {name: system.environment[f"OCRFLEET_{name.upper()}"] for name in ("redis_url", "store_url")}
    producer = connect(Settings.model_validate(addresses))
    yield producer
    producer.close()


@pytest.fixture(scope="module")
def engine() -> Iterator[OCREngine]:
    with OCREngine(device="cpu") as engine:
        yield engine


def code_of(service: Producer | OcrFleetClient, mistake: Mistake) -> str | None:
    """The code of the refusal, or of the failed job."""
    try:
        job = service.submit(mistake.data(), filename=mistake.filename)
    except OcrFleetError as error:
        return error.code
    ended = service.wait(job.id, timeout_s=60)
    assert ended.status is JobState.FAILED
    return ended.error.code if ended.error else None


@every_mistake
def test_the_api_gives_the_code(client: OcrFleetClient, mistake: Mistake) -> None:
    assert code_of(client, mistake) == mistake.code


@every_mistake
def test_python_without_the_api_gives_the_code(producer: Producer, mistake: Mistake) -> None:
    assert code_of(producer, mistake) == mistake.code


@every_mistake
def test_the_engine_alone_gives_the_code(engine: OCREngine, mistake: Mistake, tmp_path: Path) -> None:
    path = tmp_path / mistake.filename
    path.write_bytes(mistake.data())
    with pytest.raises(EngineError) as caught:
        engine.predict(str(path))
    assert caught.value.code == mistake.code


@every_mistake
def test_the_submit_command_gives_the_code(system: System, mistake: Mistake, tmp_path: Path) -> None:
    path = tmp_path / mistake.filename
    path.write_bytes(mistake.data())
    done = run("submit", str(path), "--wait", "--json", system=system)
    answer = json.loads(done.stdout)
    assert answer["error"]["code"] == mistake.code
    assert done.returncode in (1, 2)


@every_mistake
def test_the_ocr_command_gives_the_code(system: System, mistake: Mistake, tmp_path: Path) -> None:
    path = tmp_path / mistake.filename
    path.write_bytes(mistake.data())
    done = run("ocr", "-i", str(path), system=system)
    assert f"[{mistake.code}]" in done.stderr
    assert done.returncode in (1, 2)


def test_the_worker_lives_after_all_of_them(client: OcrFleetClient) -> None:
    ids = [client.submit(mistake.data(), filename=mistake.filename).id for mistake in accepted()]
    good = client.submit(draw("notice.png").data)
    assert client.wait(good.id, timeout_s=60).status is JobState.SUCCEEDED
    assert {client.wait(job_id, timeout_s=60).attempts for job_id in ids} == {1}


def accepted() -> list[Mistake]:
    """The mistakes that only show when the document is opened."""
    return [mistake for mistake in MISTAKES.values() if mistake.code not in ("unsupported_media", "invalid_request")]


def run(*arguments: str, system: System) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "workers", *arguments]
    return subprocess.run(command, env=system.environment, capture_output=True, text=True, timeout=120, check=False)
