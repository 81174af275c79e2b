"""What the fault tests share: one fleet, because starting it takes seconds; or an empty database and a bench on it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from producer.backends.local_objects import LocalObjectStore
from tests.faults.bench import Bench
from tests.faults.engine import DIR_VARIABLE
from tests.faults.fleet import Fleet, running_fleet
from tests.servers.redis import RedisServer

_DATABASE = 13


@pytest.fixture(scope="session")
def shared_fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with running_fleet(tmp_path_factory.mktemp("fleet")) as fleet:
        yield fleet


@pytest.fixture
def fleet(shared_fleet: Fleet) -> Fleet:
    """Everything runs, nothing is submitted."""
    shared_fleet.renew()
    return shared_fleet


@pytest.fixture
def redis_url(redis_server: RedisServer) -> str:
    """An empty database."""
    url = redis_server.database_url(_DATABASE)
    with Redis.from_url(url) as client:
        client.flushdb()
    return url


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that the test shares with its engines."""
    folder = tmp_path / "desk"
    folder.mkdir()
    monkeypatch.setenv(DIR_VARIABLE, str(folder))
    return folder


@pytest.fixture
def bench(redis_url: str, desk: Path, tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(redis_url, LocalObjectStore(tmp_path / "objects"), desk=desk)
    yield bench
    bench.close()
