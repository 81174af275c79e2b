"""Where a document comes from when its bytes are not in the request: addresses, buckets, uploads."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from producer.contract.strict import Strict, worded

UPLOAD_ID = r"[0-9a-f]{32}"


class UrlSource(Strict):
    """A document at a web address that anybody can reach; fetched by the service, redirects followed and checked."""

    type: Literal["url"] = Field("url", description="A web address")
    url: str = Field(min_length=1, max_length=4000, description="http or https, on port 80 or 443")


class S3Source(Strict):
    """An object in a bucket that the service may read, see OCRFLEET_S3_SOURCE_BUCKETS."""

    type: Literal["s3"] = Field("s3", description="An object of a bucket")
    uri: Annotated[
        str, StringConstraints(pattern=r"^s3://[^/]{1,255}/.{1,1024}$"), worded("write it as s3://bucket/key")
    ] = Field(description="`s3://bucket/key`")


class UploadSource(Strict):
    """A document that was sent to the address of `POST /v1/uploads`; an upload serves for one job."""

    type: Literal["upload"] = Field("upload", description="An upload")
    upload_id: Annotated[
        str, StringConstraints(pattern=f"^{UPLOAD_ID}$"), worded("give it as `POST /v1/uploads` answered")
    ] = Field(description="As `POST /v1/uploads` answered")
    filename: str | None = Field(None, max_length=1000, description="What it is called; shown in results")


RemoteSource = UrlSource | S3Source | UploadSource
Remote = Annotated[RemoteSource, Field(discriminator="type")]


class Upload(Strict):
    """Where to send a large document: `method` to `url` with `headers`, then name the upload as a source."""

    upload_id: str = Field(description="Names the upload as a source")
    method: Literal["PUT"] = Field("PUT", description="How to send it")
    url: str = Field(description="An address of the object store; or a path of this service, which wants the API key")
    headers: dict[str, str] = Field(description="Send exactly these beside your own")
    expires_at: datetime = Field(description="Until when it may be sent")


def shown(source: RemoteSource) -> str:
    """The source as logs and messages name it: without user, query and fragment, where keys may stand."""
    match source:
        case UrlSource():
            return source.url.partition("#")[0].partition("?")[0].rpartition("@")[2][:200]
        case S3Source():
            return source.uri[:200]
        case UploadSource():
            return f"upload {source.upload_id}"
