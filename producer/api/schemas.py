"""Bodies that only the HTTP API has: sources inside JSON, lists, and the error body."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from producer.contract.batches import BATCH_MAX
from producer.contract.errors import InvalidRequest
from producer.contract.jobs import Job, JobRequest
from producer.contract.sources import S3Source, UploadSource, UrlSource
from producer.contract.strict import Strict
from producer.contract.webhooks import DeliveryRecord


class Base64Source(Strict):
    """The document inside the request."""

    type: Literal["base64"]
    data: str = Field(description="The bytes of the document in Base64")
    filename: str | None = Field(None, max_length=1000)

    def decode(self) -> bytes:
        """Raises: InvalidRequest."""
        try:
            return base64.b64decode(self.data, validate=True)
        except (binascii.Error, ValueError) as error:
            raise InvalidRequest(f"source.data is not Base64: {error}") from error


AnySource = Annotated[Base64Source | UrlSource | S3Source | UploadSource, Field(discriminator="type")]


class JsonJobRequest(JobRequest):
    """A job request with its source."""

    source: AnySource


class BatchRequest(JobRequest):
    """A job request for each of many sources."""

    sources: list[AnySource] = Field(min_length=1, max_length=BATCH_MAX)


class ErrorBody(Strict):
    """What went wrong: a stable code, and a message that says what to do."""

    code: str
    message: str
    details: dict[str, object]


class ErrorAnswer(Strict):
    """The body of every answer from 400 up."""

    error: ErrorBody
    request_id: str | None


ERRORS: Mapping[int | str, dict[str, object]] = {
    status: {"model": ErrorAnswer} for status in (401, 403, 404, 409, 410, 413, 415, 422, 429, 503)
}


class DeadLetters(Strict):
    """The jobs that gave up on something that may be tried again, newest first."""

    dead_letters: list[Job]


class Deliveries(Strict):
    """The webhook deliveries of a job, oldest first."""

    deliveries: list[DeliveryRecord]
