"""The FastAPI application: routes, errors, and what stands around them."""

from __future__ import annotations

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from producer.api import answers
from producer.api.body_limit import BodyLimit
from producer.api.envelope import Envelope
from producer.api.guard import Access, Guard
from producer.api.routes import dashboard, dead_letters, events, fleet, health, jobs, keys, ocr, webhooks
from producer.contract.errors import OcrFleetError
from producer.direct import Producer
from producer.settings import MIB, Settings

_ROUTERS = (
    jobs.router,
    events.router,
    dead_letters.router,
    webhooks.router,
    keys.router,
    fleet.router,
    health.router,
    ocr.router,
)


def create_app(producer: Producer, settings: Settings) -> FastAPI:
    """The application around one Producer. Stateless: run as many as needed behind a load balancer."""
    app = FastAPI(
        title="OCRFleet",
        version="0.1.0",
        summary="Documents to text at scale, asynchronously, on any device.",
        redoc_url=None,
    )
    app.state.producer = producer
    app.state.is_stopping = lambda: False
    for router in _ROUTERS:
        app.include_router(router)
    app.include_router(dashboard.dashboard_router())
    app.exception_handler(OcrFleetError)(answers.known_error)
    app.exception_handler(RequestValidationError)(answers.validation_error)
    app.exception_handler(HTTPException)(answers.http_error)
    app.exception_handler(Exception)(answers.unknown_error)
    # The last that is added is the outermost. Base64 is 4/3 of the bytes, and a request part may stand beside it.
    app.add_middleware(BodyLimit, max_bytes=settings.max_file_bytes * 4 // 3 + MIB)
    app.add_middleware(Guard, access=Access.of(settings), keys=producer.keys)
    app.add_middleware(Envelope)
    return app
