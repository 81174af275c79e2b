"""Every implementation of a protocol, for the one file of tests that all of them must pass."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from producer.backends.objects import open_object_store
from producer.contract.ports import ObjectStore
from tests.servers.moto_s3 import MotoServer
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


@pytest.fixture(params=["local", "memory", "moto", "swift"])
def case(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StoreCase:
    kind: str = request.param
    if kind == "memory":
        return StoreCase(
            name=kind,
            store=open_object_store("memory://", s3_endpoint_url=None, s3_region=None),
            neighbour=lambda prefix: open_object_store("memory://", s3_endpoint_url=None, s3_region=None),
            is_remote=False,
            many=1100,
        )
    if kind == "local":
        return _case(kind, lambda prefix: local_store(tmp_path, prefix), is_remote=False, many=1100)
    server: MotoServer | SwiftServer = request.getfixturevalue(f"{kind}_server")
    for name, value in server.address.environment.items():
        monkeypatch.setenv(name, value)
    bucket = server.address.new_bucket()
    many = {"moto": 1100, "swift": 60}[kind]  # Swift syncs each of its writes to disk: some 40 ms
    return _case(kind, lambda prefix: s3_store(server.address, bucket, prefix), is_remote=True, many=many)


def _case(kind: str, neighbour: Callable[[str], ObjectStore], *, is_remote: bool, many: int) -> StoreCase:
    store = neighbour(f"own-{uuid.uuid4().hex[:8]}")
    return StoreCase(name=kind, store=store, neighbour=neighbour, is_remote=is_remote, many=many)


def local_store(folder: Path, prefix: str) -> ObjectStore:
    return open_object_store(f"file://{folder}/{prefix}", s3_endpoint_url=None, s3_region=None)


def s3_store(address: S3Address, bucket: str, prefix: str) -> ObjectStore:
    return open_object_store(f"s3://{bucket}/{prefix}", s3_endpoint_url=address.endpoint_url, s3_region=address.region)


@pytest.fixture
def store(case: StoreCase) -> ObjectStore:
    return case.store
