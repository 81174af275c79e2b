"""The FastAPI application: routes, errors, request ids, body limit."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable

import structlog
import uuid_utils
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from producer.api.body_limit import BodyLimit
from producer.api.routes import dead_letters, fleet, health, jobs, webhooks
from producer.contract.errors import InvalidRequest, JobFailed, NotFound, OcrFleetError
from producer.direct import Producer
from producer.settings import MIB, Settings

_log = structlog.get_logger(__name__)
_OPEN_PATHS = frozenset({"/health/live", "/health/ready"})
_JOB_FAILED_STATUS = {"cancelled": 409, "expired": 410}
_RETRY_AFTER_S = "2"


def create_app(producer: Producer, settings: Settings) -> FastAPI:
    """The application around one Producer. Stateless: run as many as needed behind a load balancer."""
    app = FastAPI(
        title="OCRFleet",
        version="0.1.0",
        summary="Documents to text at scale, asynchronously, on any device.",
        redoc_url=None,
    )
    app.state.producer = producer
    app.include_router(jobs.router)
    app.include_router(dead_letters.router)
    app.include_router(webhooks.router)
    app.include_router(fleet.router)
    app.include_router(health.router)
    app.exception_handler(OcrFleetError)(_known_error)
    app.exception_handler(RequestValidationError)(_validation_error)
    app.exception_handler(HTTPException)(_http_error)
    app.exception_handler(Exception)(_unknown_error)
    # Base64 is 4/3 of the bytes, and a request part may stand beside it.
    app.add_middleware(BodyLimit, max_bytes=settings.max_file_bytes * 4 // 3 + MIB)
    key = settings.api_key.get_secret_value() if settings.api_key else None

    @app.middleware("http")
    async def guard(request: Request, call: Callable[[Request], Awaitable[Response]]) -> Response:
        request.state.request_id = uuid_utils.uuid7().hex
        if key and request.url.path not in _OPEN_PATHS and not _has_key(request, key):
            response: Response = _answer(
                request, 401, "unauthorized", "send the API key as `Authorization: Bearer KEY`"
            )
        else:
            response = await call(request)
        response.headers["X-Request-ID"] = request.state.request_id
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response

    return app


def _has_key(request: Request, key: str) -> bool:
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    return scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), key.encode())


def _answer(
    request: Request, status: int, code: str, message: str, details: dict[str, object] | None = None
) -> JSONResponse:
    body = {
        "error": {"code": code, "message": message, "details": details or {}},
        "request_id": getattr(request.state, "request_id", None),
    }
    return JSONResponse(body, status_code=status)


async def _known_error(request: Request, error: OcrFleetError) -> Response:
    status = _JOB_FAILED_STATUS.get(error.code, 409) if isinstance(error, JobFailed) else error.http_status
    response = _answer(request, status, error.code, error.message, error.details)
    if error.retryable:
        response.headers["Retry-After"] = _RETRY_AFTER_S
    return response


async def _validation_error(request: Request, error: RequestValidationError) -> Response:
    wrong = {".".join(str(part) for part in item["loc"]): item["msg"] for item in error.errors()}
    message = "; ".join(f"{name}: {what}" for name, what in wrong.items())
    return _answer(request, InvalidRequest.http_status, InvalidRequest.code, message, dict(wrong))


async def _http_error(request: Request, error: HTTPException) -> Response:
    if error.status_code == NotFound.http_status:
        return _answer(request, NotFound.http_status, NotFound.code, f"there is nothing at {request.url.path}")
    return _answer(request, error.status_code, InvalidRequest.code, str(error.detail))


async def _unknown_error(request: Request, error: Exception) -> Response:
    _log.error(
        "request_failed",
        path=request.url.path,
        request_id=getattr(request.state, "request_id", None),
        exc_info=error,
    )
    return _answer(request, 500, "internal", "an unexpected error; it is logged under this request_id")
