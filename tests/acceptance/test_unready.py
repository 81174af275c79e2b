"""`ocrfleet up` whose Redis cannot be reached: it says so, and can be stopped while it waits."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from producer.contract.errors import Unavailable
from tests.acceptance.conftest import nothing_is_left, running, wait_until
from tests.servers.process import ServerProcess, free_port
from workers.fleet import supervisor

STARTED_S, STOPPED_S = 30.0, 20.0  # far less than it waits


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a Redis that is not there, which the environment names."""
    address = f"127.0.0.1:{free_port()}/0"
    monkeypatch.setenv("OCRFLEET_REDIS_URL", f"redis://user:sesame@{address}")
    yield address
    nothing_is_left(tmp_path, within_s=STOPPED_S)


def test_a_start_that_waits_for_redis_can_be_stopped(nowhere: str, tmp_path: Path) -> None:
    log = tmp_path / "up.log"
    command = [sys.executable, "-m", "workers", "up", "--devices", "cpu", "--port", "0"]
    process = ServerProcess([*command, "--data-dir", str(tmp_path / "data")], log, dict(os.environ))
    try:
        process.wait_until(lambda: "Redis does not answer" in log.read_text(), timeout_s=STARTED_S)
        os.kill(process.pid, signal.SIGTERM)
        wait_until(lambda: not process.is_running(), timeout_s=STOPPED_S, what=f"its end\n{log.read_text()}")
    finally:
        process.kill()
    assert process.status() == 0
    assert "OCRFleet is up" not in log.read_text()


def test_the_error_says_what_is_not_reached(nowhere: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "_READY_S", 8.0)
    with pytest.raises(Unavailable, match="Redis does not answer") as refused, running(tmp_path):
        pytest.fail("it started")
    assert f"Redis is {nowhere}" in refused.value.message
    assert "sesame" not in refused.value.message
