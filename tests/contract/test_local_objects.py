"""What only a folder of this machine can get wrong."""

from __future__ import annotations

import os
import resource
import time
from pathlib import Path

import pytest

from producer.backends.local_objects import ABANDONED_AFTER_S, LocalObjectStore
from producer.backends.objects import UNFINISHED
from producer.contract.errors import InvalidRequest, Unavailable
from tests.contract.bodies import BINARY, MIB


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "store"


def test_files_belong_to_their_owner_alone(folder: Path) -> None:
    LocalObjectStore(folder).put("jobs/a/1", b"x", media_type=BINARY)
    modes = {path.name: path.stat().st_mode & 0o777 for path in (folder, *folder.rglob("*"))}
    assert modes == {"store": 0o700, "jobs": 0o700, "a": 0o700, "1": 0o600}


def test_deleting_leaves_no_empty_folders(folder: Path) -> None:
    store = LocalObjectStore(folder)
    store.put("jobs/a/pages/1", b"x", media_type=BINARY)
    store.put("jobs/b/pages/1", b"x", media_type=BINARY)
    store.delete("jobs/a/")
    assert [path.name for path in (folder / "jobs").iterdir()] == ["b"]


def test_a_link_does_not_lead_out_of_the_store(folder: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"secret")
    store = LocalObjectStore(folder)
    store.put("k", b"", media_type=BINARY)
    (folder / "link").symlink_to(outside)
    for key in ("link/secret", "link/new"):
        with pytest.raises(InvalidRequest, match="link"):
            store.get(key)
        with pytest.raises(InvalidRequest, match="link"):
            store.put(key, b"", media_type=BINARY)
    with pytest.raises(InvalidRequest, match="link"):
        store.delete("link/")
    assert list(store.keys("")) == ["k"]
    assert [path.name for path in outside.iterdir()] == ["secret"]


def test_what_a_dead_writer_left_is_never_listed_and_goes_with_its_job(folder: Path) -> None:
    store = LocalObjectStore(folder)
    store.put("jobs/a/1", b"x", media_type=BINARY)
    fresh, abandoned = folder / f"jobs/a/{UNFINISHED}fresh", folder / f"jobs/a/{UNFINISHED}abandoned"
    fresh.write_bytes(b"")
    abandoned.write_bytes(b"")
    long_ago = time.time() - ABANDONED_AFTER_S - 60
    os.utime(abandoned, (long_ago, long_ago))
    assert list(store.keys("")) == ["jobs/a/1"]
    assert store.delete("jobs/a/") == 1
    assert list((folder / "jobs/a").iterdir()) == [fresh]


def test_a_full_disk_is_unavailable_and_leaves_the_old_object(folder: Path) -> None:
    store = LocalObjectStore(folder)
    store.put("k", b"old", media_type=BINARY)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (MIB, hard))
    try:
        with pytest.raises(Unavailable, match="disk"):
            store.put("k", b"x" * (2 * MIB), media_type=BINARY)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert store.get("k") == b"old"
    assert [path.name for path in folder.iterdir()] == ["k"]


def test_an_object_is_not_a_folder_in_a_local_store(folder: Path) -> None:
    store = LocalObjectStore(folder)
    store.put("a/b", b"x", media_type=BINARY)
    with pytest.raises(InvalidRequest):
        store.put("a", b"x", media_type=BINARY)
    with pytest.raises(InvalidRequest):
        store.put("a/b/c", b"x", media_type=BINARY)
    assert list(store.keys("")) == ["a/b"]


def test_a_folder_that_cannot_be_made_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(Unavailable):
        LocalObjectStore(tmp_path / "file" / "store").ping()
