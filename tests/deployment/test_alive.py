"""The health check of a worker's container, on a real node."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from tests.deployment.dockerfile import ROOT
from tests.faults.nodes import Node, nothing_left
from tests.servers.process import wait_until
from tests.servers.redis import RedisServer, redis_server

LONG_AGO_S = 120


@pytest.fixture
def server() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server


@pytest.fixture
def alive(tmp_path: Path) -> Path:
    return tmp_path / "alive"


def is_healthy(alive: Path) -> bool:
    settings = {"PATH": "/usr/bin:/bin", "OCRFLEET_WORKER_ALIVE_FILE": str(alive)}
    return subprocess.run([ROOT / "docker" / "alive"], env=settings, check=False).returncode == 0


def grow_old(alive: Path) -> None:
    then = alive.stat().st_mtime - LONG_AGO_S
    os.utime(alive, (then, then))


def test_a_node_is_healthy_while_it_works_not_while_it_hangs_and_again_on_a_new_connection(
    server: RedisServer, tmp_path: Path, alive: Path
) -> None:
    settings = {
        "OCRFLEET_REDIS_URL": server.url,
        "OCRFLEET_STORE_URL": (tmp_path / "objects").as_uri(),
        "OCRFLEET_WORKER_ALIVE_FILE": str(alive),
    }
    assert not is_healthy(alive)
    with nothing_left(tmp_path), Node("io", tmp_path, settings) as node:
        node.wait_ready()
        wait_until(lambda: is_healthy(alive), lambda: "a node that works is not healthy")

        node.pause()
        grow_old(alive)
        assert not is_healthy(alive)
        node.resume()
        wait_until(lambda: is_healthy(alive), lambda: "a node that works again is not healthy")

        with redis.Redis.from_url(server.url) as client:
            client.client_kill_filter(_type="normal", skipme=True)
        alive.unlink()
        wait_until(lambda: is_healthy(alive), lambda: "a node that connected again is not healthy")
