"""Addresses of objects: which keys are legal, which URL opens which store."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from producer.contract.errors import InvalidRequest
from producer.contract.ports import ObjectStore

# The smallest limits of the stores that we serve: S3 allows 1024 bytes a key, Linux 255 bytes a file name.
MAX_KEY_BYTES = 1024
MAX_SEGMENT_BYTES = 255
# How the local store names a file that is still being written; refused in keys, so that none looks like one.
UNFINISHED = ".part-"

EXPECTED = "write file:///absolute/path, s3://bucket/prefix or memory://"


def open_object_store(url: str, *, s3_endpoint_url: str | None, s3_region: str | None) -> ObjectStore:
    """The store that `url` names. Does not connect: call `ping` to know whether it answers.

    Raises: InvalidRequest: the URL names no store.
    """
    parts = urlsplit(url)
    if parts.query or parts.fragment or "@" in parts.netloc:
        raise InvalidRequest(
            f"OCRFLEET_STORE_URL has a user, a query or a fragment, and takes none: {EXPECTED}; "
            "credentials come from the environment, as boto3 reads them."
        )
    match parts.scheme:
        case "file":
            return _open_local(parts.netloc, parts.path)
        case "s3":
            return _open_s3(parts.netloc, parts.path, s3_endpoint_url, s3_region)
        case "memory":
            return _open_memory(parts.netloc + parts.path)
    raise InvalidRequest(f"OCRFLEET_STORE_URL {url!r} names no store: {EXPECTED}.")


def check_key(key: str) -> str:
    """`key`, if every store can hold it. Raises: InvalidRequest."""
    _check_segments(key, key.split("/"))
    return key


def check_prefix(prefix: str) -> str:
    """`prefix`, if it is empty or legal keys can begin with it. Raises: InvalidRequest."""
    *folders, last = prefix.split("/")
    _check_segments(prefix, [*folders, last] if last else folders)
    return prefix


def _check_segments(key: str, segments: list[str]) -> None:
    try:
        size_bytes = len(key.encode())
        longest_bytes = max((len(segment.encode()) for segment in segments), default=0)
    except UnicodeEncodeError as error:
        raise InvalidRequest(f"Object key {key!r} is not Unicode text; rename the file.") from error
    if size_bytes > MAX_KEY_BYTES or longest_bytes > MAX_SEGMENT_BYTES:
        raise InvalidRequest(
            f"Object key of {size_bytes} bytes is too long; a name may have {MAX_SEGMENT_BYTES} bytes "
            f"and a key {MAX_KEY_BYTES}."
        )
    if "\0" in key or "\\" in key or any(_is_forbidden(segment) for segment in segments):
        raise InvalidRequest(
            f"Object key {key!r} is refused: it must be relative, with '/' between names that are neither "
            f"empty nor '.' nor '..' nor begin with '{UNFINISHED}', and without a backslash or NUL."
        )


def _is_forbidden(segment: str) -> bool:
    return segment in ("", ".", "..") or segment.startswith(UNFINISHED)


# The stores are imported where they are opened: a local store need not pay the third of a second of boto3.


def _open_local(host: str, path: str) -> ObjectStore:
    from producer.backends.local_objects import LocalObjectStore

    root = Path(unquote(path))
    if host not in ("", "localhost") or not root.is_absolute() or root == Path("/"):
        raise InvalidRequest("OCRFLEET_STORE_URL must name a folder of its own: write file:///absolute/path.")
    return LocalObjectStore(root)


def _open_s3(bucket: str, path: str, endpoint_url: str | None, region: str | None) -> ObjectStore:
    from producer.backends.s3_objects import S3ObjectStore

    if not bucket:
        raise InvalidRequest("OCRFLEET_STORE_URL names no bucket: write s3://bucket/prefix.")
    return S3ObjectStore(bucket, unquote(path).strip("/"), endpoint_url=endpoint_url, region=region)


def _open_memory(rest: str) -> ObjectStore:
    from producer.backends.memory_objects import MemoryObjectStore

    if rest.strip("/"):
        raise InvalidRequest("A memory store has no name: write memory://, once per process.")
    return MemoryObjectStore()
