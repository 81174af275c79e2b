"""Large documents through a real API process, whose memory they do not fill."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import pytest

from producer.client import OcrFleetClient
from producer.contract.jobs import JobState
from tests.integration.serving import PNG

MIB = 1 << 20
RESIDENT_MAX_MIB = 300


@contextmanager
def api_process(redis_url: str, folder: Path) -> Iterator[tuple[str, psutil.Process]]:
    environment = os.environ | {
        "OCRFLEET_REDIS_URL": redis_url,
        "OCRFLEET_STORE_URL": f"file://{folder}/objects",
        "OCRFLEET_MAX_FILE_BYTES": str(2048 * MIB),
    }
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        command = [sys.executable, "-m", "workers", "api", "--fd", str(listener.fileno())]
        process = subprocess.Popen(command, env=environment, pass_fds=[listener.fileno()])
    try:
        httpx.get(f"{address}/health/ready", timeout=60).raise_for_status()
        yield address, psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait()


@pytest.mark.parametrize("size_mib", [64, pytest.param(1024, marks=pytest.mark.soak)])
def test_a_large_document_fills_no_memory(redis_url: str, tmp_path: Path, size_mib: int) -> None:
    """As multipart and as an upload. 64 MiB held once would show as well: the process itself takes some 110."""
    with (tmp_path / "large.png").open("wb") as file:
        file.write(PNG)
        file.truncate(size_mib * MIB)
    with api_process(redis_url, tmp_path) as (address, process), OcrFleetClient(address, timeout_s=300) as client:
        client.submit(PNG)
        before = _peak_mib(process)
        assert client.submit(tmp_path / "large.png").status is JobState.QUEUED
        assert client.submit(client.upload(tmp_path / "large.png")).status is JobState.QUEUED
        peak = _peak_mib(process)
    assert peak - before < 32, (before, peak)
    assert peak < RESIDENT_MAX_MIB


def _peak_mib(process: psutil.Process) -> float:
    """The most that was ever resident."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024
