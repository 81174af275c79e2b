"""Routes of the fleet: its workers, the work that waits for them, and what they got done."""

from __future__ import annotations

from fastapi import APIRouter

from producer.api.connected import Connected
from producer.api.parameters import DeviceKind
from producer.api.schemas import ERRORS, refusals
from producer.contract.errors import NotFound
from producer.contract.fleet import FleetView, ScaleDecision

router = APIRouter(prefix="/v1", tags=["fleet"], responses={**ERRORS})


@router.get("/fleet", response_model=FleetView)
def fleet(producer: Connected) -> FleetView:
    """Workers, the load of each kind of device, and the pages of each minute of the last hour."""
    return producer.fleet()


@router.get("/autoscale/{kind}", response_model=ScaleDecision, responses=refusals(NotFound))
def autoscale(kind: DeviceKind, producer: Connected) -> ScaleDecision:
    """How many workers a kind of device should have: what KEDA's metrics-api scaler and `ocrfleet autoscale` act on."""
    return producer.scale_of(kind)
