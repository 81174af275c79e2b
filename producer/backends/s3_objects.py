"""Objects in a bucket of S3, or of a server that speaks its protocol."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from typing import Any, BinaryIO

import boto3
from boto3.exceptions import Boto3Error
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from producer.backends.objects import check_key, check_prefix
from producer.contract.errors import InvalidRequest, NotFound, Unavailable
from producer.contract.ports import ObjectInfo

ATTEMPTS = 3  # the first and two more; what still fails then is for the job's own retry, minutes later
CONNECT_TIMEOUT_S = 3  # a server that is up accepts within one round trip; two lost SYNs fit into this
READ_TIMEOUT_S = 20  # silence on the connection, not the whole answer; S3 itself answers within 2 s or so
CONNECTIONS = 32  # threads of one process that talk at once: API threads and the uploads of a worker
# One part in memory at a time: 10,000 parts of 8 MiB are 80 GB, and S3 refuses parts below 5 MiB.
PART_BYTES = 8 << 20
# The most that one bulk deletion may name, in S3 and its likes.
DELETE_BATCH = 1000

MISSING_OBJECT = {"NoSuchKey", "404", "NotFound"}
ADVICE = {
    "NoSuchBucket": "create the bucket or correct OCRFLEET_STORE_URL",
    "AccessDenied": "allow these credentials s3:GetObject, PutObject, DeleteObject and ListBucket there",
    "403": "allow these credentials s3:GetObject, PutObject, DeleteObject and ListBucket there",
    "InvalidAccessKeyId": "correct AWS_ACCESS_KEY_ID, or OCRFLEET_S3_ENDPOINT_URL if this is another server",
    "SignatureDoesNotMatch": "correct AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    "ExpiredToken": "renew the session credentials",
    "AuthorizationHeaderMalformed": "set OCRFLEET_S3_REGION to the region of the bucket",
    "PermanentRedirect": "set OCRFLEET_S3_REGION to the region of the bucket",
    "301": "set OCRFLEET_S3_REGION to the region of the bucket",
    "RequestTimeTooSkewed": "set the clock of this machine",
}
OTHERWISE = "check OCRFLEET_S3_ENDPOINT_URL and that the server is up, then try again"


class S3ObjectStore:
    """An `ObjectStore` below `prefix` in one bucket. Credentials are found by boto3, in its own places.

    The client is made here and not at the first use: it opens no connection, wrong settings fail at start-up,
    and making one is not thread-safe while using one is. Do not carry a store over a fork.
    """

    def __init__(
        self,
        bucket: str,
        prefix: str,
        *,
        endpoint_url: str | None,
        region: str | None,
        read_timeout_s: float = READ_TIMEOUT_S,
    ) -> None:
        self._bucket = bucket
        self._prefix = f"{check_key(prefix.strip('/'))}/" if prefix.strip("/") else ""
        self._client = _make_client(endpoint_url, region, read_timeout_s)

    def put(self, key: str, body: bytes | BinaryIO, *, media_type: str) -> None:
        """Safe to repeat. A stream goes up in parts, read on this thread; none is visible before the last."""
        name = self._name(key)
        with self._store_errors(key):
            if isinstance(body, bytes) and len(body) <= PART_BYTES:
                self._client.put_object(Bucket=self._bucket, Key=name, Body=body, ContentType=media_type)
                return
            self._client.upload_fileobj(
                _WholeReads(io.BytesIO(body) if isinstance(body, bytes) else body),
                self._bucket,
                name,
                ExtraArgs={"ContentType": media_type},
                Config=TransferConfig(
                    multipart_threshold=PART_BYTES, multipart_chunksize=PART_BYTES, use_threads=False
                ),
            )

    def get(self, key: str) -> bytes:
        with self.open(key) as stream:
            return stream.read()

    def open(self, key: str) -> BinaryIO:
        name = self._name(key)
        with self._store_errors(key):
            answer = self._client.get_object(Bucket=self._bucket, Key=name)
        return io.BufferedReader(_Body(self, key, answer["Body"]))

    def head(self, key: str) -> ObjectInfo:
        name = self._name(key)
        try:
            with self._store_errors(key):
                answer = self._client.head_object(Bucket=self._bucket, Key=name)
        except NotFound:
            self.ping()  # an answer to HEAD has no body: a missing bucket looks like a missing object
            raise
        return ObjectInfo(key=key, size_bytes=answer["ContentLength"])

    def keys(self, prefix: str) -> Iterator[str]:
        """In the order of the server, which is that of UTF-8 bytes and so that of Python."""
        check_prefix(prefix)
        return self._list(prefix)

    def delete(self, prefix: str) -> int:
        if not check_prefix(prefix):
            raise InvalidRequest("Deleting every object of a store is refused; name a prefix.")
        keys = list(self.keys(prefix))  # listing first: some servers skip keys when their pages shrink
        remaining = iter(keys)
        while batch := [self._prefix + key for key in islice(remaining, DELETE_BATCH)]:
            for name in self._refused_in_bulk(batch):
                with self._store_errors(name):
                    self._client.delete_object(Bucket=self._bucket, Key=name)
        return len(keys)

    def presign(self, key: str, *, expires_s: int) -> str | None:
        return self._presigned("get_object", key, expires_s)

    def presign_put(self, key: str, *, expires_s: int) -> str | None:
        return self._presigned("put_object", key, expires_s)

    def ping(self) -> None:
        try:
            with self._store_errors("the bucket"):
                self._client.head_bucket(Bucket=self._bucket)
        except NotFound as error:
            raise Unavailable(f"There is no bucket {self._bucket!r}; {ADVICE['NoSuchBucket']}.") from error

    def _presigned(self, call: str, key: str, expires_s: int) -> str:
        name = self._name(key)
        with self._store_errors(key):
            url: str = self._client.generate_presigned_url(
                call, Params={"Bucket": self._bucket, "Key": name}, ExpiresIn=expires_s
            )
        return url

    def _name(self, key: str) -> str:
        """The key in the bucket. Both parts were checked, but S3 limits their sum."""
        return check_key(self._prefix + check_key(key))

    def _list(self, prefix: str) -> Iterator[str]:
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=self._prefix + prefix
        )
        with self._store_errors("the list"):
            for page in pages:
                for found in page.get("Contents", ()):
                    if not found["Key"].endswith("/"):  # a folder that somebody made in a console
                        yield found["Key"].removeprefix(self._prefix)

    def _refused_in_bulk(self, names: list[str]) -> list[str]:
        """Delete `names` in one call; those that the server did not delete. Not every server has the call."""
        wanted = {"Objects": [{"Key": name} for name in names], "Quiet": True}
        try:
            answer = self._client.delete_objects(Bucket=self._bucket, Delete=wanted)
        except ClientError:
            return names
        except BotoCoreError as error:
            raise self._unavailable("the deletion", error) from error
        return [failed["Key"] for failed in answer.get("Errors", ())]

    @contextmanager
    def _store_errors(self, key: str) -> Iterator[None]:
        try:
            yield
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in MISSING_OBJECT:
                raise NotFound(f"There is no object {key!r}.") from error
            raise self._unavailable(key, error) from error
        except (Boto3Error, BotoCoreError) as error:
            raise self._unavailable(key, error) from error

    def _unavailable(self, key: str, error: Exception) -> Unavailable:
        """What to do about `error`. The managed upload wraps the answer of the server; look inside."""
        cause = error if isinstance(error, ClientError) else error.__context__
        code = cause.response.get("Error", {}).get("Code", "") if isinstance(cause, ClientError) else ""
        advice = ADVICE.get(code, OTHERWISE)
        if isinstance(error, NoCredentialsError):
            advice = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give this machine a role"
        return Unavailable(
            f"The bucket {self._bucket!r} failed at {key!r} with {code or type(error).__name__}; {advice}."
        )


# boto3 makes its clients' classes when it runs: there is no type to name, in this module Any stands for them.
def _make_client(endpoint_url: str | None, region: str | None, read_timeout_s: float) -> Any:
    """A client whose every upload carries a SHA-256 of its body, checked by whoever checks the signature.

    The newer CRC trailers are left out unless S3 demands them: over TLS they change the body's encoding,
    which many servers beside AWS refuse. Version 4 is named because presigning falls back to version 2.
    """
    config = Config(
        signature_version="s3v4",
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
        connect_timeout=CONNECT_TIMEOUT_S,
        read_timeout=read_timeout_s,
        max_pool_connections=CONNECTIONS,
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        s3={"payload_signing_enabled": True, "addressing_style": "path" if endpoint_url else "auto"},
    )
    try:
        session = boto3.session.Session()
        region = region or session.region_name or "us-east-1"
        return session.client("s3", endpoint_url=endpoint_url, region_name=region, config=config)
    except (ValueError, BotoCoreError) as error:
        raise InvalidRequest(
            f"{error}; correct OCRFLEET_S3_ENDPOINT_URL (https://host), OCRFLEET_S3_REGION or AWS_PROFILE."
        ) from error


class _WholeReads:
    """A stream whose every read is whole save the last, that boto3 can neither seek nor close.

    boto3 takes a short read for the end of a small file and then reads the rest into memory at once.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def read(self, size: int = -1) -> bytes:
        whole = bytearray()
        while size < 0 or len(whole) < size:
            chunk = self._stream.read(PART_BYTES if size < 0 else size - len(whole))
            if not chunk:
                break
            whole += chunk
        return bytes(whole)


class _Body(io.RawIOBase):
    """The body of an answer as a raw stream; closing it early drops the connection."""

    def __init__(self, store: S3ObjectStore, key: str, body: Any) -> None:
        self._store = store
        self._key = key
        self._body = body

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:  # Any: a writable buffer, which has no name before Python 3.12
        with self._store._store_errors(self._key):
            chunk: bytes = self._body.read(len(buffer))
        buffer[: len(chunk)] = chunk
        return len(chunk)

    def readall(self) -> bytes:
        with self._store._store_errors(self._key):
            rest: bytes = self._body.read()
        return rest

    def close(self) -> None:
        if not self.closed:
            with suppress(BotoCoreError):
                self._body.close()
        super().close()
