"""Stopping as a service manager does: the API ends its requests, a node the page that it reads; then they go."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from producer.backends.redis_store import RedisJobStore
from producer.connect import connect
from producer.contract.jobs import JobState
from producer.settings import Settings
from tests.faults.commands import document, sleep
from tests.faults.engine import Desk
from tests.faults.nodes import Node, nothing_left, stand_in
from tests.integration.serving import PNG

STOP_S, GONE_S = 600, 60.0  # the time to stop, and what a loaded machine may need for three seconds


def test_a_stopped_api_is_not_ready_first_and_finishes_its_requests(
    redis_url: str, store: RedisJobStore, tmp_path: Path
) -> None:
    environment = os.environ | {
        "OCRFLEET_REDIS_URL": redis_url,
        "OCRFLEET_STORE_URL": f"file://{tmp_path}/objects",
        "OCRFLEET_DRAIN_S": "1.5",
    }
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        command = [sys.executable, "-m", "workers", "api", "--fd", str(listener.fileno())]
        process = subprocess.Popen(command, env=environment, pass_fds=[listener.fileno()])
    try:
        assert when(lambda: status_of(address) == 200)
        job = httpx.post(f"{address}/v1/jobs", files={"file": ("a.png", PNG)}, timeout=10).json()
        polls: list[httpx.Response] = []
        poll = threading.Thread(
            target=lambda: polls.append(httpx.get(f"{address}/v1/jobs/{job['id']}", params={"wait": 3}, timeout=10))
        )
        poll.start()
        assert when(lambda: poll.is_alive())
        process.send_signal(signal.SIGTERM)
        assert when(lambda: status_of(address) == 503)
        assert httpx.get(f"{address}/v1/jobs/{job['id']}").status_code == 200
        poll.join(10)
        assert polls[0].status_code == 200
        assert process.wait(10) in (0, -signal.SIGTERM)
    finally:
        process.kill()
        process.wait()
    with pytest.raises(httpx.TransportError):
        httpx.get(f"{address}/health/live")


def test_a_stopped_node_goes_when_its_page_is_done_and_gives_the_rest_back(redis_url: str, tmp_path: Path) -> None:
    store_url = (tmp_path / "objects").as_uri()
    environment = {
        "OCRFLEET_REDIS_URL": redis_url,
        "OCRFLEET_STORE_URL": store_url,
        "OCRFLEET_WORKER_STOP_S": str(STOP_S),
        "OCRFLEET_WORKER_BEAT_S": "0.2",
        **stand_in(tmp_path),
    }
    producer = connect(Settings(redis_url=redis_url, store_url=store_url))
    with nothing_left(tmp_path), Node("device", tmp_path, environment) as node:
        node.wait_ready()
        job = producer.submit(document([sleep(2), sleep(STOP_S)])).id
        assert when(lambda: bool(Desk(tmp_path).log()))  # the first page has begun
        node.signal_main(signal.SIGTERM)
        node.wait_gone(timeout_s=GONE_S)
        assert (node.status, node.count("unit_given_back")) == (0, 1), node.tail()
    left = producer.status(job)
    assert (left.status, left.progress.pages_done, left.attempts) == (JobState.RUNNING, 1, 1)
    producer.close()


def status_of(address: str) -> int:
    try:
        return httpx.get(f"{address}/health/ready", timeout=5).status_code
    except httpx.TransportError:
        return 0


def when(is_so: Callable[[], bool], *, within_s: float = 30) -> bool:
    """Whether it becomes so in time."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if is_so():
            return True
        time.sleep(0.05)
    return False
