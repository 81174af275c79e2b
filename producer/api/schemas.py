"""Bodies that only the HTTP API has: sources inside JSON, lists, and the error body."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from producer.api.parameters import OF_OWNER
from producer.contract.batches import BATCH_MAX
from producer.contract.errors import (
    Expired,
    Forbidden,
    IdempotencyMismatch,
    InvalidRequest,
    JobFailed,
    NotFinished,
    NotFound,
    OcrFleetError,
    RateLimited,
    SourceForbidden,
    TooLarge,
    Unauthorized,
    Unavailable,
    UnsupportedMedia,
)
from producer.contract.jobs import Job, JobRequest, JobState
from producer.contract.keys import Owner
from producer.contract.listing import PAGE_MAX
from producer.contract.sources import S3Source, UploadSource, UrlSource
from producer.contract.strict import Strict
from producer.contract.webhooks import DeliveryRecord


class Base64Source(Strict):
    """The document inside the request."""

    type: Literal["base64"] = Field(description="The document stands in `data`")
    data: str = Field(description="The bytes of the document in Base64")
    filename: str | None = Field(None, max_length=1000, description="What it is called; shown in results")

    def decode(self) -> bytes:
        """Raises: InvalidRequest."""
        try:
            return base64.b64decode(self.data, validate=True)
        except (binascii.Error, ValueError) as error:
            raise InvalidRequest(f"source.data is not Base64: {error}") from error


AnySource = Annotated[Base64Source | UrlSource | S3Source | UploadSource, Field(discriminator="type")]


class JsonJobRequest(JobRequest):
    """A job request with its source."""

    source: AnySource = Field(description="The document, or where it is")


class BatchRequest(JobRequest):
    """A job request for each of many sources."""

    sources: list[AnySource] = Field(
        min_length=1, max_length=BATCH_MAX, description="The documents, or where they are; each becomes a job"
    )


class JobQuery(BaseModel):
    """Which jobs are listed, and from where on."""

    status: list[JobState] = Field([], description="In one of these states; repeat it for several")
    tag: str | None = Field(None, min_length=1, max_length=64, description="With this tag")
    batch: str | None = Field(None, pattern="^[0-9a-f]{32}$", description="Of this batch; not with `tag`")
    owner: Owner | None = Field(None, description=OF_OWNER)
    cursor: str | None = Field(None, description="`next_cursor` of the page before")
    limit: int = Field(50, ge=1, le=PAGE_MAX, description="At most this many")


class ErrorBody(Strict):
    """What went wrong: a stable code, and a message that says what to do."""

    code: str = Field(description="Stable; the same from the API, the commands and Python")
    message: str = Field(description="What is wrong and what to do, for people")
    details: dict[str, object] = Field(description="What is wrong with which field, and the like; may be empty")


class ErrorAnswer(Strict):
    """The body of every answer from 400 up."""

    error: ErrorBody = Field(description="What went wrong")
    request_id: str | None = Field(description="Names this request in the logs of the service")


def refusals(*kinds: type[OcrFleetError]) -> dict[int | str, dict[str, Any]]:  # Any: fragments of OpenAPI
    """How a route may refuse, for its description: by status, with an example of each code."""
    answers: dict[int | str, dict[str, Any]] = {}
    for kind in kinds:
        meaning = (kind.__doc__ or "").strip().splitlines()[0]
        answer = answers.setdefault(kind.http_status, {"model": ErrorAnswer, "description": meaning, "content": {}})
        examples = answer["content"].setdefault("application/json", {}).setdefault("examples", {})
        error = {"code": kind.code, "message": meaning, "details": {}}
        value = {"error": error, "request_id": "019aa3b2c4d57e6f8a9b0c1d2e3f4a5b"}
        examples[kind.__name__] = {"summary": meaning, "value": value}
        if kind.retryable:
            answer["headers"] = {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds to wait"}}
    return answers


def known(model: type[BaseModel], meaning: str) -> dict[int | str, dict[str, Any]]:
    """That a submission may be answered with what is there already."""
    return {200: {"model": model, "description": meaning}}


# What every guarded route may answer.
ERRORS = refusals(Unauthorized, Forbidden, InvalidRequest, RateLimited, Unavailable)
SUBMITTING = refusals(IdempotencyMismatch, TooLarge, UnsupportedMedia, InvalidRequest, SourceForbidden, RateLimited)
RESULTS = refusals(NotFound, NotFinished, JobFailed, Expired)


class DeadLetters(Strict):
    """The jobs that gave up on something that may be tried again, newest first."""

    dead_letters: list[Job] = Field(description="Run one again with `POST /v1/jobs/{id}/retry`")


class Deliveries(Strict):
    """The webhook deliveries of a job, oldest first."""

    deliveries: list[DeliveryRecord] = Field(description="With what came of their attempts")
