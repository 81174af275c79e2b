"""The route of the metrics."""

from __future__ import annotations

from fastapi import APIRouter, Response

from producer.api.connected import Connected
from producer.api.prometheus import MEDIA_TYPE, exposition
from producer.api.schemas import ERRORS

router = APIRouter(tags=["fleet"], responses={**ERRORS})


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "Prometheus text"}},
)
def metrics(producer: Connected) -> Response:
    """Prometheus text; the same from every replica."""
    return Response(exposition(producer), media_type=MEDIA_TYPE)
