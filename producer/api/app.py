"""The FastAPI application: routes, errors, and what stands around them."""

from __future__ import annotations

from importlib.metadata import version

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from producer.api import answers
from producer.api.body_limit import BodyLimit
from producer.api.bounded_objects import BoundedObjectStore
from producer.api.description import DescribedApp
from producer.api.envelope import Envelope
from producer.api.guard import Access, Guard
from producer.api.routes import (
    batches,
    dashboard,
    dead_letters,
    description_page,
    events,
    fleet,
    health,
    jobs,
    keys,
    metrics,
    ocr,
    uploads,
    webhooks,
)
from producer.contract.errors import OcrFleetError
from producer.direct import Producer
from producer.settings import MIB, Settings

_ROUTES = (jobs, events, batches, uploads, dead_letters, webhooks, keys, fleet, metrics, health, ocr, description_page)


def create_app(producer: Producer, settings: Settings) -> FastAPI:
    """The application around one Producer. Stateless: run as many as needed behind a load balancer."""
    app = DescribedApp(
        title="OCRFleet",
        version=version("ocrfleet"),
        summary="Documents to text at scale, asynchronously, on any device.",
        docs_url=None,
        redoc_url=None,
    )
    producer = producer.through(BoundedObjectStore)
    app.state.producer = producer
    app.state.is_stopping = app.state.is_draining = lambda: False
    for module in _ROUTES:
        app.include_router(module.router)
    app.include_router(dashboard.dashboard_router())
    app.exception_handler(OcrFleetError)(answers.known_error)
    app.exception_handler(RequestValidationError)(answers.validation_error)
    app.exception_handler(HTTPException)(answers.http_error)
    app.exception_handler(ClientDisconnect)(answers.caller_gone)
    app.exception_handler(Exception)(answers.unknown_error)
    # The last that is added is the outermost. A document may be sent with a request part and the edges of multipart.
    app.add_middleware(BodyLimit, max_bytes=settings.max_file_bytes + MIB, max_json_bytes=settings.max_json_bytes)
    app.add_middleware(Guard, access=Access.of(settings), keys=producer.keys)
    app.add_middleware(Envelope)
    return app
