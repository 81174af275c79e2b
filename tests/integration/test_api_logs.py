"""What an API process writes when something goes wrong that nobody thought of."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
import redis
from structlog.testing import capture_logs

from producer.backends.redis_store.connection import job_key
from tests.servers.process import wait_until

KEY = "key" + "of-a-caller"


def test_an_unexpected_error_is_one_line_for_machines_without_what_was_sent(redis_url: str, tmp_path: Path) -> None:
    job_id = "0" * 32
    with redis.Redis.from_url(redis_url) as client:
        client.set(job_key(job_id), "no record, but a text")
    environment = os.environ | {
        "OCRFLEET_REDIS_URL": redis_url,
        "OCRFLEET_STORE_URL": f"file://{tmp_path}/objects",
        "OCRFLEET_API_KEY": KEY,
        "OCRFLEET_LOG_FORMAT": "json",
    }
    with socket.create_server(("127.0.0.1", 0)) as listener, (tmp_path / "log").open("wb") as log:
        command = [sys.executable, "-m", "workers", "api", "--fd", str(listener.fileno())]
        process = subprocess.Popen(command, env=environment, pass_fds=[listener.fileno()], stderr=log)
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    try:
        httpx.get(f"{address}/health/live", timeout=60).raise_for_status()
        headers = {"Authorization": f"Bearer {KEY}"}
        assert httpx.get(f"{address}/v1/jobs/{job_id}", headers=headers, timeout=20).status_code == 500
    finally:
        process.terminate()
        process.wait()
    text = (tmp_path / "log").read_text()
    told = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    [failed] = [line for line in told if line["event"] == "request_failed"]
    assert "ResponseError" in failed["exception"]
    assert KEY not in text


@pytest.mark.parametrize("path", ["/v1/jobs", "/v1/batches"])
def test_a_caller_that_goes_away_in_the_middle_of_a_document_is_no_error(server: str, path: str) -> None:
    port = int(server.rpartition(":")[2])
    kind = "application/json" if path == "/v1/batches" else "multipart/form-data; boundary=b"
    with capture_logs() as told:
        with socket.create_connection(("127.0.0.1", port)) as caller:
            head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\nContent-Length: 900\r\n\r\n--b"
            caller.sendall(head.encode())
        wait_until(lambda: bool(told), lambda: "nothing was told", timeout_s=10)
    assert [(line["event"], line["log_level"]) for line in told] == [("caller_gone", "info")]
