"""An object store that does not answer, or that something changes on the way."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from producer.backends.s3_objects import S3ObjectStore
from producer.contract.errors import Unavailable
from producer.contract.ports import ObjectStore
from tests.contract.bodies import BINARY, MIB, Stream
from tests.contract.conftest import s3_store
from tests.servers.moto_s3 import MotoServer, moto_server
from tests.servers.process import free_port
from tests.servers.swift import SwiftServer

PATIENCE_S = 15.0  # how long a caller may be kept waiting by a store that is down


def test_a_store_that_answers_says_so(store: ObjectStore) -> None:
    store.ping()


@contextmanager
def waiting_at_most(seconds: float) -> Iterator[None]:
    started = time.monotonic()
    yield
    assert time.monotonic() - started < seconds


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch, moto_server: MotoServer) -> None:
    for name, value in moto_server.address.environment.items():
        monkeypatch.setenv(name, value)


def assert_unavailable(store: ObjectStore, message: str = "") -> None:
    with pytest.raises(Unavailable, match=message) as caught:
        store.get("k")
    assert caught.value.__cause__ is not None
    with pytest.raises(Unavailable, match=message):
        store.put("k", b"x", media_type=BINARY)
    with pytest.raises(Unavailable, match=message):
        store.put("k", Stream(9 * MIB).as_file(), media_type=BINARY)
    with pytest.raises(Unavailable, match=message):
        store.head("k")
    with pytest.raises(Unavailable, match=message):
        list(store.keys(""))
    with pytest.raises(Unavailable, match=message):
        store.delete("jobs/")
    with pytest.raises(Unavailable, match=message):
        store.ping()


@pytest.mark.usefixtures("credentials")
def test_a_closed_port_is_unavailable_soon() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    store = S3ObjectStore("bucket", "", endpoint_url=url, region=None)
    with waiting_at_most(PATIENCE_S), pytest.raises(Unavailable, match="OCRFLEET_S3_ENDPOINT_URL"):
        store.put("k", b"x", media_type=BINARY)


@pytest.mark.usefixtures("credentials")
def test_a_server_that_was_killed_is_unavailable_soon() -> None:
    with moto_server() as server:
        store = s3_store(server.address, server.address.new_bucket(), "")
        store.put("k", b"x", media_type=BINARY)
        server.kill()
        with waiting_at_most(PATIENCE_S), pytest.raises(Unavailable):
            store.get("k")


@pytest.mark.usefixtures("credentials")
def test_a_server_that_accepts_and_never_answers_is_unavailable_soon() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        store = S3ObjectStore("bucket", "", endpoint_url=url, region=None, read_timeout_s=0.3)
        with waiting_at_most(PATIENCE_S), pytest.raises(Unavailable):
            store.get("k")


@pytest.mark.parametrize("server", ["moto_server", "swift_server"])
def test_a_missing_bucket_is_unavailable_and_says_which_setting(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, server: str
) -> None:
    running: MotoServer | SwiftServer = request.getfixturevalue(server)
    for name, value in running.address.environment.items():
        monkeypatch.setenv(name, value)
    assert_unavailable(s3_store(running.address, "nobody-made-this", ""), "OCRFLEET_STORE_URL")


@pytest.mark.parametrize(
    ("setting", "value", "advice"),
    [
        ("AWS_SECRET_ACCESS_KEY", "wrong", "AWS_SECRET_ACCESS_KEY|s3:GetObject"),
        ("AWS_ACCESS_KEY_ID", "nobody", "AWS_ACCESS_KEY_ID|s3:GetObject"),
    ],
)
def test_wrong_credentials_are_unavailable_and_say_what_to_set(
    swift_server: SwiftServer, monkeypatch: pytest.MonkeyPatch, setting: str, value: str, advice: str
) -> None:
    bucket = swift_server.address.new_bucket()
    for name, right in {**swift_server.address.environment, setting: value}.items():
        monkeypatch.setenv(name, right)
    assert_unavailable(s3_store(swift_server.address, bucket, ""), advice)


def test_missing_credentials_are_unavailable_and_say_what_to_set(
    moto_server: MotoServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(Unavailable, match="AWS_ACCESS_KEY_ID"):
        s3_store(moto_server.address, "bucket", "").get("k")


# Of the bucket alone


def test_a_body_that_changes_on_its_way_is_refused(monkeypatch: pytest.MonkeyPatch, swift_server: SwiftServer) -> None:
    for name, value in swift_server.address.environment.items():
        monkeypatch.setenv(name, value)
    with flipping_proxy(swift_server.address.endpoint_url) as url:
        bucket = swift_server.address.new_bucket()
        through = S3ObjectStore(bucket, "", endpoint_url=url, region=swift_server.address.region)
        with pytest.raises(Unavailable, match="SHA256Mismatch"):
            through.put("k", b"the body" * 100, media_type=BINARY)
    assert list(s3_store(swift_server.address, bucket, "").keys("")) == []


@contextmanager
def flipping_proxy(target: str) -> Iterator[str]:
    """Passes one-connection-at-a-time HTTP on, with every `the body` in it turned into `a lie...`."""
    host, port = target.removeprefix("http://").split(":")

    def pump(source: socket.socket, sink: socket.socket, *, flips: bool) -> None:
        try:
            while data := source.recv(65_536):
                sink.sendall(data.replace(b"the body", b"a lie...") if flips else data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:  # the other direction has closed it, or nothing more comes
            return

    def serve(listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:  # the test is over
                return
            with client, socket.create_connection((host, int(port)), timeout=1) as server:
                client.settimeout(1)
                back = threading.Thread(target=pump, args=(server, client), kwargs={"flips": False})
                back.start()
                pump(client, server, flips=True)
                back.join()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(timeout=5)


@pytest.mark.parametrize("server", ["moto_server", "swift_server"])
def test_a_broken_upload_leaves_no_parts_behind(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, server: str
) -> None:
    running: MotoServer | SwiftServer = request.getfixturevalue(server)
    address = running.address
    for name, value in address.environment.items():
        monkeypatch.setenv(name, value)
    bucket = address.new_bucket()
    with pytest.raises(ConnectionResetError):
        s3_store(address, bucket, "").put("k", Stream(20 * MIB, fails_at=9 * MIB).as_file(), media_type=BINARY)
    assert address.client().list_multipart_uploads(Bucket=bucket).get("Uploads", []) == []
