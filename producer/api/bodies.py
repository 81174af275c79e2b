"""The bodies of submissions: multipart with the document, or JSON that holds it or names it."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import BinaryIO, TypeVar

from fastapi import Request
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile

from producer.api.schemas import Base64Source, JsonJobRequest
from producer.contract.errors import InvalidRequest, TooLarge
from producer.contract.jobs import Job, JobRequest
from producer.contract.sources import RemoteSource
from producer.direct import Producer
from producer.requests import invalid_request

MULTIPART, JSON = "multipart/form-data", "application/json"
_REQUEST_MAX_BYTES = 1 << 20  # as a part that is no file may have
_Model = TypeVar("_Model", bound=JobRequest)


@dataclass(frozen=True, kw_only=True, slots=True)
class SubmitBody:
    """What was asked, and the document or where it is. A document beyond a megabyte is in a file."""

    request: JobRequest
    document: BinaryIO | RemoteSource
    filename: str | None = None

    def submit(self, producer: Producer, idempotency_key: str | None) -> tuple[Job, bool]:
        """The job, and whether it is new. Runs in a thread: it waits for the store."""
        if isinstance(self.document, RemoteSource):
            return producer.submit_remote(self.document, self.request, idempotency_key=idempotency_key)
        return producer.submit_request(
            self.document, self.request, filename=self.filename, idempotency_key=idempotency_key
        )


@asynccontextmanager
async def submit_body(request: Request) -> AsyncIterator[SubmitBody]:
    """The body of a submission while it is used. Raises: InvalidRequest, TooLarge."""
    kind = media_type(request)
    if kind == MULTIPART:
        async with request.form(max_files=2, max_fields=1) as form:
            if unknown := sorted(form.keys() - {"file", "request"}):
                raise InvalidRequest(
                    f"there is no field {', '.join(unknown)}; put what you ask into `request`, as JSON"
                )
            if any(len(form.getlist(name)) > 1 for name in form):
                raise InvalidRequest("send one `file` and one `request`; several documents go to /v1/batches")
            file, part = form.get("file"), form.get("request", "{}")
            if not isinstance(file, UploadFile):
                raise InvalidRequest("send the document as the multipart field `file`")
            # A part is a file to the parser where it has a file name, as curl gives it one, and has no bound then.
            asked = await run_in_threadpool(parsed_json, JobRequest, await _text_of(part))
            yield SubmitBody(request=asked, document=file.file, filename=file.filename)
    elif kind == JSON:
        body = await run_in_threadpool(parsed_json, JsonJobRequest, await request.body())
        asked = asked_of(body)
        if isinstance(body.source, Base64Source):
            document = io.BytesIO(await run_in_threadpool(body.source.decode))
            yield SubmitBody(request=asked, document=document, filename=body.source.filename)
        else:
            yield SubmitBody(request=asked, document=body.source)
    else:
        raise InvalidRequest(f"send {MULTIPART} or {JSON}")


async def _text_of(part: UploadFile | str) -> str | bytes:
    """Raises: TooLarge."""
    if isinstance(part, str):
        return part
    text = await part.read(_REQUEST_MAX_BYTES + 1)
    if len(text) > _REQUEST_MAX_BYTES:
        raise TooLarge(f"`request` has more than {_REQUEST_MAX_BYTES} bytes")
    return text


def media_type(request: Request) -> str:
    return request.headers.get("Content-Type", "").partition(";")[0].strip().lower()


def parsed_json(model: type[_Model], body: str | bytes) -> _Model:
    """Raises: InvalidRequest."""
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise invalid_request(error) from error


def asked_of(body: JobRequest) -> JobRequest:
    """What is asked of each document, without the documents."""
    return JobRequest.model_construct(**{name: getattr(body, name) for name in JobRequest.model_fields})
