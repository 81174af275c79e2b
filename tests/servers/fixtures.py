"""The servers as fixtures: one of each for the whole run. Tests that break one start their own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.servers.moto_s3 import MotoServer
from tests.servers.moto_s3 import moto_server as start_moto
from tests.servers.redis import RedisServer
from tests.servers.redis import redis_server as start_redis
from tests.servers.swift import SwiftServer
from tests.servers.swift import swift_server as start_swift


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """Shared: use keys or a database of your own."""
    with start_redis() as server:
        yield server


@pytest.fixture(scope="session")
def moto_server() -> Iterator[MotoServer]:
    """Shared: make a bucket of your own with `address.new_bucket()`."""
    with start_moto() as server:
        yield server


@pytest.fixture(scope="session")
def swift_server() -> Iterator[SwiftServer]:
    """Shared: make a bucket of your own with `address.new_bucket()`."""
    with start_swift() as server:
        yield server
