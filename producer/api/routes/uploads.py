"""Routes of uploads: large documents, sent before a job is made of them."""

from __future__ import annotations

import tempfile

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool

from producer.api.connected import Connected
from producer.api.description import UPLOAD_BODY
from producer.api.parameters import UploadId
from producer.api.schemas import ERRORS, refusals
from producer.contract.errors import Expired, NotFound, TooLarge, UnsupportedMedia
from producer.contract.sources import Upload

router = APIRouter(prefix="/v1/uploads", tags=["uploads"], responses={**ERRORS})


@router.post("", status_code=201, response_model=Upload)
def create(producer: Connected) -> Upload:
    """An address to send a document to; then submit it with `{"type": "upload", "upload_id": …}`."""
    return producer.uploads.create()


@router.put(
    "/{upload_id}",
    status_code=204,
    openapi_extra=UPLOAD_BODY,
    responses=refusals(NotFound, Expired, TooLarge, UnsupportedMedia),
)
async def put(upload_id: UploadId, request: Request, producer: Connected) -> None:
    """Send the document of an upload, where the object store has no addresses of its own."""
    with tempfile.TemporaryFile() as file:
        async for chunk in request.stream():
            await run_in_threadpool(file.write, chunk)
        file.seek(0)
        await run_in_threadpool(producer.uploads.put, upload_id, file)
