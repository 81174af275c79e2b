"""Routes of batches: many documents in one request."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from producer.api.bodies import JSON, asked_of, media_type, parsed_json
from producer.api.connected import Connected
from producer.api.routes.jobs import IdempotencyKey
from producer.api.schemas import ERRORS, AnySource, Base64Source, BatchRequest
from producer.batches import Document
from producer.contract.batches import Batch
from producer.contract.errors import InvalidRequest
from producer.contract.sources import Remote

_BATCH_BODY = {
    "requestBody": {"required": True, "content": {JSON: {"schema": BatchRequest.model_json_schema()}}},
}
router = APIRouter(prefix="/v1/batches", tags=["batches"], responses={**ERRORS})


@router.post("", status_code=202, response_model=Batch, openapi_extra=_BATCH_BODY)
async def submit(
    request: Request, response: Response, producer: Connected, idempotency_key: IdempotencyKey = None
) -> Batch:
    """Accept up to 10,000 documents with one request, all or none. With an idempotency key, repeating it goes on."""
    if media_type(request) != JSON:
        raise InvalidRequest(f"send {JSON}")
    body = await run_in_threadpool(parsed_json, BatchRequest, await request.body())
    sources = [_source(source) for source in body.sources]
    batch, is_new = await run_in_threadpool(
        producer.submit_batch, sources, asked_of(body), idempotency_key=idempotency_key
    )
    response.status_code = 202 if is_new else 200
    response.headers["Location"] = batch.links.self
    return batch


@router.get("/{batch_id}", response_model=Batch)
def batch(batch_id: str, producer: Connected) -> Batch:
    """How many of the jobs are in which state; list them with `/v1/jobs?batch=`."""
    return producer.batch(batch_id)


def _source(source: AnySource) -> Remote | Document:
    if isinstance(source, Base64Source):
        return Document(data=source.decode(), filename=source.filename)
    return source
