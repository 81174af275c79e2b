"""Every implementation of a protocol, for the one file of tests that all of them must pass."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from redis import Redis

from producer.api.bounded_objects import BoundedObjectStore
from producer.backends.memory_store import MemoryJobStore
from producer.backends.objects import open_object_store
from producer.backends.redis_store import RedisJobStore
from producer.contract.ports import ObjectStore
from tests.contract.job_stores import JobStores
from tests.servers.moto_s3 import MotoServer
from tests.servers.redis import RedisServer
from tests.servers.s3 import S3Address
from tests.servers.swift import SwiftServer


@dataclass(frozen=True, kw_only=True, slots=True)
class StoreCase:
    """One kind of object store: a fresh store, others beside it, and what to expect of it."""

    name: str
    store: ObjectStore
    neighbour: Callable[[str], ObjectStore]  # another store with this prefix in the same place
    is_remote: bool
    many: int  # how many objects a test of long lists may write


@pytest.fixture(params=["local", "memory", "bounded", "moto", "swift"])
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[StoreCase]:
    """Each kind in turn, empty."""
    kind: str = request.param
    if kind == "memory":
        yield _case(kind, lambda prefix: memory_store(), is_remote=False, many=1100)
    elif kind == "bounded":
        yield _case(kind, lambda prefix: BoundedObjectStore(memory_store()), is_remote=False, many=1100)
    elif kind == "local":
        yield _case(kind, lambda prefix: local_store(tmp_path, prefix), is_remote=False, many=1100)
    else:
        shared: StoreCase = request.getfixturevalue(f"{kind}_case")
        yield shared
        for top in {key.partition("/")[0] for key in shared.store.keys("")}:
            shared.store.delete(top)


@pytest.fixture(scope="session")
def moto_case(moto_server: MotoServer) -> Iterator[StoreCase]:
    yield from _remote_case("moto", moto_server.address, many=1100)


@pytest.fixture(scope="session")
def swift_case(swift_server: SwiftServer) -> Iterator[StoreCase]:
    """Swift syncs each of its writes to disk, which takes some 40 ms: few objects tell as much as many."""
    yield from _remote_case("swift", swift_server.address, many=60)


def _remote_case(kind: str, address: S3Address, *, many: int) -> Iterator[StoreCase]:
    """One store for all tests of its kind: a client of boto3 takes a third of a second to make."""
    bucket = address.new_bucket()

    def open_store(prefix: str) -> ObjectStore:
        with pytest.MonkeyPatch.context() as environment:  # boto3 reads it when it makes the client
            for name, value in address.environment.items():
                environment.setenv(name, value)
            return s3_store(address, bucket, prefix)

    yield _case(kind, open_store, is_remote=True, many=many)


def _case(kind: str, neighbour: Callable[[str], ObjectStore], *, is_remote: bool, many: int) -> StoreCase:
    store = neighbour(f"own-{uuid.uuid4().hex[:8]}")
    return StoreCase(name=kind, store=store, neighbour=neighbour, is_remote=is_remote, many=many)


def memory_store() -> ObjectStore:
    return open_object_store("memory://", s3_endpoint_url=None, s3_region=None)


def local_store(folder: Path, prefix: str) -> ObjectStore:
    return open_object_store(f"file://{folder}/{prefix}", s3_endpoint_url=None, s3_region=None)


def s3_store(address: S3Address, bucket: str, prefix: str) -> ObjectStore:
    return open_object_store(f"s3://{bucket}/{prefix}", s3_endpoint_url=address.endpoint_url, s3_region=address.region)


@pytest.fixture
def store(case: StoreCase) -> ObjectStore:
    return case.store


@pytest.fixture(params=["memory", "redis"])
def stores(request: pytest.FixtureRequest) -> Iterator[JobStores]:
    """Each job store in turn, empty."""
    store: MemoryJobStore | RedisJobStore
    if request.param == "memory":
        store = MemoryJobStore()
    else:
        server: RedisServer = request.getfixturevalue("redis_server")
        url = server.database_url(15)
        with Redis.from_url(url) as client:
            client.flushdb()
        store = RedisJobStore(url)
    yield JobStores(
        jobs=store.jobs,
        leases=store.leases,
        upkeep=store.upkeep,
        outbox=store.outbox,
        keys=store.keys,
        fleet=store.fleet,
    )
    store.close()
