"""Routes of batches: many documents in one request."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from producer.api.bodies import JSON, asked_of, media_type, parsed_json
from producer.api.connected import Connected
from producer.api.description import BATCH_BODY
from producer.api.parameters import BatchId, IdempotencyKey
from producer.api.schemas import ERRORS, SUBMITTING, AnySource, Base64Source, BatchRequest, known, refusals
from producer.batches import Document
from producer.contract.batches import Batch
from producer.contract.errors import InvalidRequest, NotFound
from producer.contract.sources import Remote

router = APIRouter(prefix="/v1/batches", tags=["batches"], responses={**ERRORS})


@router.post(
    "",
    status_code=202,
    response_model=Batch,
    openapi_extra=BATCH_BODY,
    responses=SUBMITTING | known(Batch, "The batch that an idempotency key leads to"),
)
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


@router.get("/{batch_id}", response_model=Batch, responses=refusals(NotFound))
def batch(batch_id: BatchId, producer: Connected) -> Batch:
    """How many of the jobs are in which state; list them with `/v1/jobs?batch=`."""
    return producer.batch(batch_id)


def _source(source: AnySource) -> Remote | Document:
    if isinstance(source, Base64Source):
        return Document(data=source.decode(), filename=source.filename)
    return source
