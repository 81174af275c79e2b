"""docs/api.md: its commands and examples are run as they stand there, its errors compared with the code."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from producer.contract.errors import JobFailed, OcrFleetError
from tests.acceptance.conftest import SECRET, running
from tests.faults.nodes import stand_in
from workers.demo.samples import draw
from workers.fleet.supervisor import System

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "api.md").read_text()
SHELL = re.findall(r"```sh\n(.*?)```", PAGE, re.S)
PYTHON = re.findall(r"```python\n(.*?)```", PAGE, re.S)
KEY = "operator"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """The whole system with the stand-in engine, a key, and a bucket to take documents from."""
    folder = tmp_path_factory.mktemp("system")
    own = {"OCRFLEET_API_KEY": KEY, "OCRFLEET_S3_SOURCE_BUCKETS": "scans", "PYTHONPATH": str(ROOT)}
    with running(folder, **own, **stand_in(folder)) as system:
        yield system


def run(command: list[str], system: System, folder: Path) -> subprocess.CompletedProcess[str]:
    """In a folder with the documents that the page names."""
    (folder / "scan.pdf").write_bytes(draw("report.pdf").data)
    (folder / "photo.jpg").write_bytes(draw("receipt.jpg").data)
    own = {"OCRFLEET_SERVER": system.server, "OCRFLEET_API_KEY": KEY, "OCRFLEET_WEBHOOK_SECRET": SECRET}
    environment = system.environment | own
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=180, check=False
    )


def test_the_commands_of_the_page_work_one_after_the_other(guarded: System, tmp_path: Path) -> None:
    done = run(["bash", "-euo", "pipefail", "-c", "\n".join(SHELL)], guarded, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "job.succeeded" in done.stdout
    assert (tmp_path / "document.txt").read_text().strip()
    assert (tmp_path / "result.json").read_text().startswith("{")


@pytest.mark.parametrize("code", PYTHON)
def test_a_python_example_of_the_page_works(code: str, guarded: System, tmp_path: Path) -> None:
    done = run([sys.executable, "-c", code], guarded, tmp_path)
    assert done.returncode == 0, done.stderr


def test_the_page_has_every_code_and_its_status() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| (\d{3}) \|", PAGE, re.M))
    assert {code: int(status) for code, status in rows.items()} == {
        kind.code: kind.http_status for kind in kinds_of(OcrFleetError) if not issubclass(kind, JobFailed)
    }


def kinds_of(kind: type[OcrFleetError]) -> Iterator[type[OcrFleetError]]:
    for child in kind.__subclasses__():
        yield child
        yield from kinds_of(child)
