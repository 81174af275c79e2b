"""`POST /ocr` and `GET /health` as PaddleX's serving has them, on our queue."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import time
import uuid
from collections.abc import Mapping

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from producer.api import paddlex
from producer.api.connected import Connected
from producer.api.paddlex import Order, PaddlexError
from producer.api.paddlex_schemas import Inferred, InferredPage, InferRequest, InferResult, PaddlexAnswer, PageSize
from producer.api.schemas import ErrorAnswer
from producer.contract import names
from producer.contract.errors import OcrFleetError
from producer.contract.jobs import Job, JobState
from producer.contract.results import DocumentResult, PageResult
from producer.direct import Producer

# As long as a caller is kept waiting; the job expires with it where nobody took it.
_WAIT_S = 600
_POLL_FIRST_S, _POLL_MAX_S = 0.02, 0.25
_ENDED_WITHOUT = {JobState.CANCELLED: "the job was cancelled", JobState.EXPIRED: "no worker was free in time"}
_BODY = {
    "requestBody": {"required": True, "content": {"application/json": {"schema": InferRequest.model_json_schema()}}}
}
# What stands before the route answers in the service's own form, as it does everywhere.
_REFUSALS: Mapping[int | str, dict[str, object]] = {
    401: {"model": ErrorAnswer},
    **{status: {"model": ErrorAnswer | PaddlexAnswer} for status in (403, 413, 429, 503)},
    **{status: {"model": PaddlexAnswer} for status in (400, 404, 410, 422, 500, 504)},
}
router = APIRouter(tags=["PaddleX"])


@router.get("/health", operation_id="checkHealth")
def health() -> PaddlexAnswer:
    """The process answers."""
    return PaddlexAnswer(logId=str(uuid.uuid4()), errorCode=0, errorMsg="Healthy")


@router.post(
    "/ocr",
    operation_id="infer",
    response_model=Inferred,
    openapi_extra=_BODY,
    responses={**_REFUSALS},
)
async def infer(request: Request, producer: Connected) -> Response:
    """Read one document now: a job at high priority, which is waited for. A caller that goes away cancels it."""
    body = b""
    try:
        body = await request.body()
        parsed = await run_in_threadpool(paddlex.parse, body)
        return await _infer(request, producer, parsed)
    except (PaddlexError, OcrFleetError) as error:
        refusal = error if isinstance(error, PaddlexError) else paddlex.refusal(error)
        return _answer(refusal, await run_in_threadpool(paddlex.log_id_in, body))


async def _infer(request: Request, producer: Producer, parsed: InferRequest) -> Response:
    """Raises: PaddlexError, OcrFleetError."""
    order = paddlex.order_of(parsed, wait_s=_WAIT_S)
    job = await run_in_threadpool(_submitted, producer, parsed, order)
    await _ended(request, producer, job)
    result = await run_in_threadpool(_result, producer, job.id, parsed, with_images=order.with_images)
    answer = Inferred(logId=parsed.logId or str(uuid.uuid4()), result=result)
    return Response(answer.model_dump_json(exclude_none=True), media_type="application/json")


def _submitted(producer: Producer, parsed: InferRequest, order: Order) -> Job:
    """Raises: PaddlexError, OcrFleetError."""
    if paddlex.is_address(parsed.file):
        return producer.submit_remote(paddlex.address_in(parsed), order.request)[0]
    stream = io.BytesIO(paddlex.document_in(parsed))
    return producer.submit_request(stream, order.request, filename=None, idempotency_key=None)[0]


async def _ended(request: Request, producer: Producer, job: Job) -> None:
    """Wait until the job has a result. Raises: PaddlexError: it has none, or not in time; NotFound."""
    deadline, pause_s = time.monotonic() + _WAIT_S, _POLL_FIRST_S
    while not (job := await run_in_threadpool(producer.status, job.id)).status.is_terminal:
        if await request.is_disconnected() or time.monotonic() > deadline:
            await run_in_threadpool(producer.cancel, job.id)
            raise PaddlexError(504, f"the document was not read in {_WAIT_S} s; submit it to /v1/jobs")
        await asyncio.sleep(pause_s)
        pause_s = min(pause_s * 1.3, _POLL_MAX_S)
    if job.error:
        raise paddlex.failure(job.error)
    if job.status in _ENDED_WITHOUT:
        raise PaddlexError(500, _ENDED_WITHOUT[job.status])


def _result(producer: Producer, job_id: str, parsed: InferRequest, *, with_images: bool) -> InferResult:
    """Raises: PaddlexError: a page failed, and with it, as in PaddleX, the document; OcrFleetError."""
    document = DocumentResult.model_validate_json(producer.result(job_id))
    paddlex.check_fetched(parsed, document.source.media_type)
    failed = next((page.error for page in document.pages if page.error), None)
    if failed:
        raise paddlex.failure(failed)
    sizes = [PageSize(width=page.width or 0, height=page.height or 0) for page in document.pages]
    return InferResult(
        ocrResults=[_page(producer, job_id, page, with_images=with_images) for page in document.pages],
        dataInfo=paddlex.data_info(document.source.media_type, sizes),
    )


def _page(producer: Producer, job_id: str, page: PageResult, *, with_images: bool) -> InferredPage:
    images = {
        name: _base64(producer, job_id, names.serving_image_name(page.page, name))
        for name in (names.SERVING_IMAGES if with_images else ())
        if name in page.views
    }
    return InferredPage(
        prunedResult=paddlex.pruned(page.result),
        ocrImage=images.get("ocr_img"),
        docPreprocessingImage=images.get("doc_preprocessing_img"),
        inputImage=images.get("input_img"),
    )


def _base64(producer: Producer, job_id: str, name: str) -> str:
    with producer.open(job_id, name) as stream:
        return base64.b64encode(stream.read()).decode("ascii")


def _answer(error: PaddlexError, log_id: str | None) -> Response:
    body = {"logId": log_id or str(uuid.uuid4()), "errorCode": error.status, "errorMsg": error.message}
    headers = {"Retry-After": str(error.retry_after_s)} if error.retry_after_s else None
    return Response(json.dumps(body), status_code=error.status, headers=headers, media_type="application/json")
