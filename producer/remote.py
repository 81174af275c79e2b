"""Documents that are elsewhere: what can be said of them before they are fetched, and how they are named."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from producer.addresses import is_inward_literal
from producer.contract import names
from producer.contract.errors import InvalidRequest, NotFound, SourceForbidden, TooLarge
from producer.contract.jobs import SourceInfo, WebhookRequest
from producer.contract.ports import ObjectStore
from producer.contract.sources import Remote, S3Source, UploadSource, UrlSource
from producer.requests import parsed
from producer.source import HEAD_BYTES, media_type_of

_UNKNOWN = "application/octet-stream"
_PORTS = (None, 80, 443)


@dataclass(frozen=True, kw_only=True, slots=True)
class RemoteRules:
    """Where documents may come from, and where webhooks may go. buckets: those that `s3://` may name."""

    buckets: frozenset[str] = frozenset()
    allow_private_urls: bool = False

    def check_bucket(self, uri: str) -> tuple[str, str]:
        """Bucket and key of an `s3://` address. Raises: SourceForbidden."""
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        if bucket not in self.buckets:
            raise SourceForbidden(
                f"bucket {bucket[:80]!r} is not among those of OCRFLEET_S3_SOURCE_BUCKETS; add it, or send the document"
            )
        return bucket, key

    def check_url(self, url: str) -> None:
        """The address as it is written; what its name stands for is checked when it is fetched.

        Raises: InvalidRequest: it is none; SourceForbidden.
        """
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port
        except ValueError as error:
            raise InvalidRequest(f"source.url: {error}; give an address such as https://host/page.png") from error
        if parts.scheme not in ("http", "https") or not host or any(sign.isspace() for sign in url):
            raise InvalidRequest("source.url: give an http or https address, such as https://host/page.png")
        try:
            host.encode("idna")
        except UnicodeError as error:
            raise InvalidRequest(f"source.url: {host[:80]!r} can be no host's name; check the address") from error
        if parts.username is not None or parts.password is not None:
            raise InvalidRequest("source.url: an address with a user is not fetched; send the document")
        if self.allow_private_urls:
            return
        if port not in _PORTS:
            raise SourceForbidden(
                f"source.url: nothing is fetched from port {port}, only from 80 and 443; use one of them, or send the "
                "document"
            )
        if is_inward_literal(host):
            raise SourceForbidden()

    def check_webhook(self, webhook: WebhookRequest) -> None:
        """The address as it is written; what its name stands for is checked at each delivery.

        Raises: SourceForbidden.
        """
        if not self.allow_private_urls and is_inward_literal((webhook.url.host or "").strip("[]")):
            raise SourceForbidden(
                "webhook.url: nothing is delivered to a private address; give a public one, or set "
                "OCRFLEET_ALLOW_PRIVATE_URLS on the service"
            )


def parse_remote(text: str) -> UrlSource | S3Source | None:
    """`https://…` or `s3://…` as a source; None: something else, such as a path. Raises: InvalidRequest."""
    if text.startswith("s3://"):
        return parsed(S3Source, {"uri": text})
    if text.lower().startswith(("http://", "https://")):
        return parsed(UrlSource, {"url": text})
    return None


def remote_of(source: object) -> Remote:
    """A source as it is, or its address as text. source: whatever a caller gave. Raises: InvalidRequest: neither."""
    if isinstance(source, UrlSource | S3Source | UploadSource):
        return source
    remote = parse_remote(source) if isinstance(source, str) else None
    if remote is None:
        raise InvalidRequest(
            "sources: give an address, https:// or s3://, or what `upload` answers; submit documents one by one"
        )
    return remote


def source_before(remote: Remote) -> SourceInfo:
    """What is known of a document before it is fetched: how it might be called."""
    match remote:
        case UrlSource():
            called: str | None = unquote(urlsplit(remote.url).path)
        case S3Source():
            called = remote.uri
        case UploadSource():
            called = remote.filename
    return SourceInfo(filename=names.safe_filename(called, suffix=""), media_type=_UNKNOWN, sha256="", size_bytes=0)


def check_remote(remote: Remote, rules: RemoteRules) -> None:
    """Raises: InvalidRequest, SourceForbidden."""
    match remote:
        case UrlSource():
            rules.check_url(remote.url)
        case S3Source():
            rules.check_bucket(remote.uri)


def check_upload(upload: UploadSource, objects: ObjectStore, *, owner: str, max_bytes: int) -> None:
    """The upload is there, and looks like a document. Raises: InvalidRequest, TooLarge, UnsupportedMedia."""
    key = names.upload_key(owner, upload.upload_id)
    try:
        size_bytes = objects.head(key).size_bytes
        with objects.open(key) as stream:
            head = stream.read(HEAD_BYTES)
    except NotFound as error:
        raise InvalidRequest(
            f"source.upload_id: there is no upload {upload.upload_id}; send it first, each serves for one job"
        ) from error
    if size_bytes == 0:
        raise InvalidRequest("the document is empty (0 bytes); check how it was written")
    if size_bytes > max_bytes:
        raise TooLarge(f"the document has more than {max_bytes} bytes; split it or raise OCRFLEET_MAX_FILE_BYTES")
    media_type_of(head)
