"""The S3 proxy does to a request what was ordered, in front of a strict server, and nothing to the others."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ReadTimeoutError

from tests.faults.s3_proxy import S3Fault, S3FaultKind, S3Proxy, s3_proxy
from tests.servers.swift import SwiftServer

BODY = b"a page's text " * 5_000


@pytest.fixture(scope="module")
def bucket(swift_server: SwiftServer) -> str:
    return swift_server.address.new_bucket()


@pytest.fixture
def proxy(swift_server: SwiftServer) -> Iterator[S3Proxy]:
    with s3_proxy(swift_server.address) as proxy:
        yield proxy


@pytest.fixture
def client(proxy: S3Proxy) -> Any:  # Any: boto3 makes its clients' classes when it runs
    """One attempt, signed body: what the server says is what the caller hears."""
    address = proxy.address
    return boto3.client(
        "s3",
        endpoint_url=address.endpoint_url,
        region_name=address.region,
        aws_access_key_id=address.access_key,
        aws_secret_access_key=address.secret_key,
        config=Config(
            signature_version="s3v4",
            s3={"addressing_style": "path", "payload_signing_enabled": True},
            retries={"total_max_attempts": 1},
            read_timeout=1,
            request_checksum_calculation="when_required",
        ),
    )


def stored(server: SwiftServer, bucket: str, key: str) -> bytes | None:
    """What the server itself has under the key."""
    try:
        body: bytes = server.address.client().get_object(Bucket=bucket, Key=key)["Body"].read()
    except server.address.client().exceptions.NoSuchKey:
        return None
    return body


def test_requests_pass_with_their_signature(client: Any, bucket: str, proxy: S3Proxy) -> None:
    client.put_object(Bucket=bucket, Key="plain/a b", Body=BODY)
    assert client.get_object(Bucket=bucket, Key="plain/a b")["Body"].read() == BODY
    assert client.head_object(Bucket=bucket, Key="plain/a b")["ContentLength"] == len(BODY)
    assert [item["Key"] for item in client.list_objects_v2(Bucket=bucket, Prefix="plain/")["Contents"]] == ["plain/a b"]
    client.delete_object(Bucket=bucket, Key="plain/a b")
    assert {handled.fault for handled in proxy.handled()} == {None}


def test_a_large_upload_in_parts_passes(client: Any, bucket: str) -> None:
    client.upload_fileobj(io.BytesIO(b"x" * (9 << 20)), bucket, "large")
    assert client.head_object(Bucket=bucket, Key="large")["ContentLength"] == 9 << 20


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [(S3FaultKind.ERROR_500, 500, "InternalError"), (S3FaultKind.SLOW_DOWN, 503, "SlowDown")],
)
def test_an_ordered_error_is_answered_once_and_only_to_its_kind_of_request(
    client: Any, bucket: str, proxy: S3Proxy, kind: S3FaultKind, status: int, code: str
) -> None:
    proxy.order(S3Fault(kind=kind, method="PUT", key="*/pages/*"))
    client.put_object(Bucket=bucket, Key="input/1", Body=BODY)
    with pytest.raises(ClientError) as failure:
        client.put_object(Bucket=bucket, Key="pages/1", Body=BODY)
    assert failure.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    assert failure.value.response["Error"]["Code"] == code
    client.put_object(Bucket=bucket, Key="pages/1", Body=BODY)
    assert proxy.left() == 0


def test_a_hanging_request_runs_into_the_clients_timeout(client: Any, bucket: str, proxy: S3Proxy) -> None:
    proxy.order(S3Fault(kind=S3FaultKind.HANG, method="GET"))
    with pytest.raises(ReadTimeoutError):
        client.get_object(Bucket=bucket, Key="any")


def test_an_upload_that_is_reset_in_the_middle_leaves_nothing(
    client: Any, bucket: str, proxy: S3Proxy, swift_server: SwiftServer
) -> None:
    proxy.order(S3Fault(kind=S3FaultKind.RESET_UPLOAD, method="PUT"))
    with pytest.raises(BotoCoreError):
        client.put_object(Bucket=bucket, Key="half", Body=BODY)
    assert stored(swift_server, bucket, "half") is None


def test_a_lost_reply_means_that_the_server_did_it(
    client: Any, bucket: str, proxy: S3Proxy, swift_server: SwiftServer
) -> None:
    proxy.order(S3Fault(kind=S3FaultKind.LOST_REPLY, method="PUT"))
    with pytest.raises(BotoCoreError):
        client.put_object(Bucket=bucket, Key="done", Body=BODY)
    assert stored(swift_server, bucket, "done") == BODY


def test_a_flipped_byte_is_refused_by_the_server(
    client: Any, bucket: str, proxy: S3Proxy, swift_server: SwiftServer
) -> None:
    proxy.order(S3Fault(kind=S3FaultKind.FLIPPED_BYTE, method="PUT"))
    with pytest.raises(ClientError) as failure:
        client.put_object(Bucket=bucket, Key="flipped", Body=BODY)
    assert failure.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert stored(swift_server, bucket, "flipped") is None


def test_a_slow_server_takes_its_time_and_answers_whole(client: Any, bucket: str, proxy: S3Proxy) -> None:
    client.put_object(Bucket=bucket, Key="slow", Body=BODY)
    proxy.order(S3Fault(kind=S3FaultKind.SLOW, method="GET", amount=len(BODY) * 4))
    started = time.monotonic()
    assert client.get_object(Bucket=bucket, Key="slow")["Body"].read() == BODY
    assert time.monotonic() - started >= 0.2


def test_healing_takes_back_what_was_ordered(client: Any, bucket: str, proxy: S3Proxy) -> None:
    proxy.order(S3Fault(kind=S3FaultKind.ERROR_500, times=100))
    proxy.heal()
    client.list_buckets()
    assert proxy.left() == 0
