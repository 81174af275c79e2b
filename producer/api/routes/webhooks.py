"""Routes of webhook deliveries: what came of them, and making one again."""

from __future__ import annotations

from fastapi import APIRouter

from producer.api.connected import Connected
from producer.api.parameters import EventId, OfJob
from producer.api.schemas import ERRORS, Deliveries, refusals
from producer.contract.errors import NotFound
from producer.contract.webhooks import DeliveryRecord

router = APIRouter(prefix="/v1/webhook-deliveries", tags=["webhooks"], responses={**ERRORS})


@router.get("", response_model=Deliveries, responses=refusals(NotFound))
def deliveries(job_id: OfJob, producer: Connected) -> Deliveries:
    """The deliveries of a job, with the last 20 attempts of each."""
    return Deliveries(deliveries=producer.deliveries(job_id))


@router.post("/{event_id}/redeliver", status_code=202, response_model=DeliveryRecord, responses=refusals(NotFound))
def redeliver(event_id: EventId, producer: Connected) -> DeliveryRecord:
    """Deliver again with the same id, now, and from the first attempt of the schedule on; attempts are counted on."""
    return producer.redeliver(event_id)
