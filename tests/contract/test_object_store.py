"""What every object store promises, asked of each of them."""

from __future__ import annotations

import hashlib
import io
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import httpx
import pytest

from producer.backends.objects import UNFINISHED, open_object_store
from producer.contract.errors import InvalidRequest, NotFound
from producer.contract.ports import ObjectInfo, ObjectStore
from tests.contract.bodies import BINARY, MIB, Stream
from tests.contract.conftest import StoreCase
from tests.servers.process import wait_until

ESCAPES = [
    "../x", "/x", "a//b", "a/../b", "", "..", ".", "a/..", "a/.", "./a", "a/", "a\\..\\b", "a\0b", "\udcff",
    f"{UNFINISHED}x", f"a/{UNFINISHED}x", "n" * 256, "long/" * 250,
]  # fmt: skip
PREFIX_ESCAPES = ["../", "/", "a//", "a/../", "..", "a\0", "/etc/"]
HOSTILE_BUT_LEGAL = [
    "jobs/1/input/文件 名.pdf",
    "jobs/1/input/a b+c%20d&e=f?g#h;i'j\"k.pdf",
    "jobs/1/input/..hidden..",
    "jobs/1/input/~user:name@host|<x>*",
    "jobs/1/input/e\u0301 and é",  # two spellings of one letter: two keys beside each other
    "jobs/1/input/\u202egnp.exe",
    "jobs/1/input/emoji 😀",
    "-rf",
]


# Round trips


def test_bytes_come_back_as_they_went_in(store: ObjectStore) -> None:
    body = bytes(range(256)) * 100
    store.put("jobs/1/manifest.json", body, media_type=BINARY)
    assert store.get("jobs/1/manifest.json") == body
    assert store.head("jobs/1/manifest.json") == ObjectInfo(key="jobs/1/manifest.json", size_bytes=len(body))
    with store.open("jobs/1/manifest.json") as stream:
        assert stream.read(10) == body[:10]
        assert stream.read() == body[10:]


def test_an_empty_object_is_an_object(store: ObjectStore) -> None:
    store.put("jobs/1/empty", b"", media_type=BINARY)
    store.put("jobs/1/empty-stream", io.BytesIO(), media_type=BINARY)
    assert store.get("jobs/1/empty") == b""
    assert store.head("jobs/1/empty-stream").size_bytes == 0
    assert list(store.keys("jobs/1/")) == ["jobs/1/empty", "jobs/1/empty-stream"]


def test_a_long_stream_is_never_held_in_memory(case: StoreCase) -> None:
    stream = Stream(20 * MIB + 3)
    case.store.put("jobs/1/input/scan.pdf", stream.as_file(), media_type="application/pdf")
    digest = hashlib.sha256()
    with case.store.open("jobs/1/input/scan.pdf") as back:
        while chunk := back.read(MIB):
            assert len(chunk) <= MIB
            digest.update(chunk)
    assert digest.digest() == stream.digest.digest()
    assert case.store.head("jobs/1/input/scan.pdf").size_bytes == 20 * MIB + 3
    assert stream.largest_read <= 8 * MIB
    assert not stream.is_closed


def test_long_bytes_come_back_as_they_went_in(store: ObjectStore) -> None:
    body = os.urandom(MIB) * 9
    store.put("jobs/1/long", body, media_type=BINARY)
    assert store.get("jobs/1/long") == body


def test_a_stream_that_gives_little_at_a_time_is_read_to_its_end(store: ObjectStore) -> None:
    stream = Stream(9 * MIB + 1, at_most=65_537)
    store.put("jobs/1/trickle", stream.as_file(), media_type=BINARY)
    assert stream.largest_read <= 8 * MIB
    assert hashlib.sha256(store.get("jobs/1/trickle")).digest() == stream.digest.digest()


@pytest.mark.parametrize("fails_at", [0, 9 * MIB])
def test_a_stream_that_breaks_leaves_the_old_object_and_its_own_error(store: ObjectStore, fails_at: int) -> None:
    store.put("jobs/1/doc", b"old", media_type=BINARY)
    with pytest.raises(ConnectionResetError, match="went away"):
        store.put("jobs/1/doc", Stream(20 * MIB, fails_at=fails_at).as_file(), media_type=BINARY)
    assert store.get("jobs/1/doc") == b"old"
    assert list(store.keys("")) == ["jobs/1/doc"]


def test_writing_again_replaces(store: ObjectStore) -> None:
    store.put("k", b"a long first version", media_type="text/plain")
    store.put("k", b"second", media_type=BINARY)
    assert store.get("k") == b"second"
    assert list(store.keys("")) == ["k"]


def test_what_is_not_there_is_not_found(store: ObjectStore) -> None:
    store.put("jobs/1/here", b"x", media_type=BINARY)
    for key in ("nothing", "jobs/1/gone", "jobs/1", "jobs/1/here/below"):
        with pytest.raises(NotFound):
            store.get(key)
        with pytest.raises(NotFound):
            store.open(key)
        with pytest.raises(NotFound):
            store.head(key)


def test_names_in_any_script_are_kept(store: ObjectStore) -> None:
    for key in HOSTILE_BUT_LEGAL:
        store.put(key, key.encode(), media_type=BINARY)
    assert list(store.keys("")) == sorted(HOSTILE_BUT_LEGAL)
    assert [store.get(key).decode() for key in HOSTILE_BUT_LEGAL] == HOSTILE_BUT_LEGAL
    assert [store.head(key).key for key in HOSTILE_BUT_LEGAL] == HOSTILE_BUT_LEGAL
    assert store.delete("jobs/1/") == len(HOSTILE_BUT_LEGAL) - 1


# Lists and deletions


def test_a_long_list_is_whole_and_sorted_and_deleted(case: StoreCase) -> None:
    keys = [f"jobs/a/pages/{number:05}.json" for number in range(case.many)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda key: case.store.put(key, b"{}", media_type=BINARY), reversed(keys)))
    case.store.put("jobs/ab/pages/00001.json", b"{}", media_type=BINARY)
    assert list(case.store.keys("jobs/a/")) == keys
    assert case.store.delete("jobs/a/") == case.many
    assert list(case.store.keys("")) == ["jobs/ab/pages/00001.json"]


def test_keys_sort_by_their_text_and_not_by_folder(store: ObjectStore) -> None:
    keys = ["a!", "a-b", "a.c", "a/b", "a/b0/c", "a0", "a/b!x", "A", "é", "😀", "\uffee"]
    for key in keys:
        if key not in ("a/b",):
            store.put(key, b"", media_type=BINARY)
    listed = list(store.keys(""))
    assert listed == sorted(key for key in keys if key != "a/b")
    assert all(before < after for before, after in pairwise(listed))


def test_a_prefix_is_the_beginning_of_the_text(store: ObjectStore) -> None:
    """A caller who means one job ends the prefix with '/': 'jobs/a' also begins 'jobs/ab'."""
    for key in ("jobs/a/1", "jobs/ab/1", "jobs/b/1"):
        store.put(key, b"", media_type=BINARY)
    assert list(store.keys("jobs/a")) == ["jobs/a/1", "jobs/ab/1"]
    assert list(store.keys("jobs/a/")) == ["jobs/a/1"]
    assert list(store.keys("nothing/here")) == []
    assert store.delete("jobs/a/") == 1
    assert store.delete("jobs/a") == 1
    assert list(store.keys("")) == ["jobs/b/1"]


def test_deleting_again_is_safe_and_the_key_can_be_written_again(store: ObjectStore) -> None:
    store.put("jobs/a/deep/1", b"1", media_type=BINARY)
    assert store.delete("jobs/a/") == 1
    assert store.delete("jobs/a/") == 0
    assert store.delete("never/") == 0
    store.put("jobs/a/deep/1", b"2", media_type=BINARY)
    assert store.get("jobs/a/deep/1") == b"2"


def test_deleting_everything_by_mistake_is_refused(store: ObjectStore) -> None:
    store.put("k", b"", media_type=BINARY)
    with pytest.raises(InvalidRequest):
        store.delete("")
    assert list(store.keys("")) == ["k"]


@pytest.mark.parametrize("key", ESCAPES, ids=ascii)
def test_a_key_that_is_no_key_is_refused_before_anything_is_asked(unreachable: list[ObjectStore], key: str) -> None:
    for store in unreachable:
        with pytest.raises(InvalidRequest):
            store.put(key, b"", media_type=BINARY)
        with pytest.raises(InvalidRequest):
            store.get(key)
        with pytest.raises(InvalidRequest):
            store.open(key)
        with pytest.raises(InvalidRequest):
            store.head(key)
        with pytest.raises(InvalidRequest):
            store.presign(key, expires_s=60)


@pytest.mark.parametrize("prefix", PREFIX_ESCAPES, ids=ascii)
def test_a_prefix_that_is_no_prefix_is_refused_before_anything_is_asked(
    unreachable: list[ObjectStore], prefix: str
) -> None:
    for store in unreachable:
        with pytest.raises(InvalidRequest):
            store.keys(prefix)
        with pytest.raises(InvalidRequest):
            store.delete(prefix)


@pytest.fixture(scope="module")
def unreachable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[ObjectStore]]:
    """One store of each kind; whoever touches what is behind it leaves a trace or gets `Unavailable`."""
    folder = tmp_path_factory.mktemp("unreachable")
    urls = (f"file://{folder}/store", "memory://", "s3://bucket/prefix")
    yield [open_object_store(url, s3_endpoint_url="http://127.0.0.1:1", s3_region="x") for url in urls]
    assert list(folder.rglob("*")) == []


def test_two_stores_in_one_place_do_not_see_each_other(case: StoreCase) -> None:
    one, two = case.neighbour("team"), case.neighbour("team2")  # one name begins the other
    one.put("jobs/a/1", b"one", media_type=BINARY)
    two.put("jobs/a/1", b"two", media_type=BINARY)
    assert (one.get("jobs/a/1"), two.get("jobs/a/1")) == (b"one", b"two")
    assert list(one.keys("")) == ["jobs/a/1"]
    assert one.delete("jobs/") == 1
    assert two.get("jobs/a/1") == b"two"


# Many at once


def test_readers_never_see_a_torn_object(store: ObjectStore) -> None:
    versions = {bytes([letter]) * (50_000 + letter) for letter in range(4)}
    store.put("k", bytes([0]) * 50_000, media_type=BINARY)
    finished = threading.Event()

    def write(body: bytes) -> None:
        for _ in range(8):
            store.put("k", body, media_type=BINARY)

    def read() -> set[bytes]:
        seen = set()
        while not finished.is_set():
            seen.add(store.get("k"))
        return seen

    with ThreadPoolExecutor(8) as threads:
        readers = [threads.submit(read) for _ in range(3)]
        try:
            list(threads.map(write, versions))
        finally:
            finished.set()
        assert set().union(*(reader.result() for reader in readers)) <= versions
    assert list(store.keys("")) == ["k"]


def test_a_writer_and_a_deleter_do_not_break_each_other(store: ObjectStore) -> None:
    def delete() -> None:
        for _ in range(15):
            store.delete("jobs/a/")

    with ThreadPoolExecutor(2) as threads:
        deleting = threads.submit(delete)
        for number in range(15):
            store.put(f"jobs/a/b/c/{number}", b"x", media_type=BINARY)
        deleting.result()
    store.delete("jobs/a/")
    assert list(store.keys("")) == []


# Addresses for others


def test_an_address_lets_anyone_read_for_a_while(case: StoreCase) -> None:
    case.store.put("jobs/1/图 1.json", b"{}", media_type="application/json")
    url = case.store.presign("jobs/1/图 1.json", expires_s=60)
    if not case.is_remote:
        assert url is None
        return
    assert url is not None
    answer = httpx.get(url)
    assert (answer.status_code, answer.content) == (200, b"{}")
    assert answer.headers["content-type"] == "application/json"
    assert httpx.get(url.split("?")[0]).is_client_error


@pytest.mark.parametrize("size_bytes", [100, 9 * MIB])
def test_a_streamed_object_keeps_its_media_type(case: StoreCase, size_bytes: int) -> None:
    case.store.put("scan.pdf", Stream(size_bytes).as_file(), media_type="application/pdf")
    url = case.store.presign("scan.pdf", expires_s=60)
    if url is not None:
        assert httpx.get(url).headers["content-type"] == "application/pdf"


@pytest.mark.parametrize("case", ["swift"], indirect=True)
def test_an_address_expires(case: StoreCase) -> None:
    case.store.put("k", b"x", media_type=BINARY)
    url = case.store.presign("k", expires_s=1)
    assert url is not None
    wait_until(lambda: httpx.get(url).status_code == 403, lambda: "the address did not expire", timeout_s=10)


# URLs


@pytest.mark.parametrize(
    "url",
    [
        "", "/var/data", "file://", "file:///", "file://relative/path", "s3://", "s3:///prefix", "gs://bucket",
        "memory://name", "s3://key:secret@bucket", "s3://bucket?versioned=1", "s3://bucket/../other", "http://x",
    ],
)  # fmt: skip
def test_a_url_that_names_no_store_is_refused_and_says_what_to_write(url: str) -> None:
    with pytest.raises(InvalidRequest, match=r"write|refused") as caught:
        open_object_store(url, s3_endpoint_url=None, s3_region=None)
    assert "secret" not in caught.value.message


def test_a_store_url_may_have_escaped_characters(tmp_path: Path) -> None:
    url = f"file://{tmp_path}/my%20store"
    open_object_store(url, s3_endpoint_url=None, s3_region=None).put("k", b"x", media_type=BINARY)
    assert (tmp_path / "my store" / "k").read_bytes() == b"x"


def test_an_endpoint_that_is_no_url_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="OCRFLEET_S3_ENDPOINT_URL"):
        open_object_store("s3://bucket", s3_endpoint_url="not a url", s3_region=None)
