"""Errors as answers: the one place where a code becomes a status and a body."""

from __future__ import annotations

import math

import structlog
from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.routing import Match

from producer.contract.errors import InvalidRequest, JobFailed, NotFound, OcrFleetError, Unauthorized
from producer.requests import in_words

_JOB_FAILED_STATUS = {"cancelled": 409, "expired": 410}
_RETRY_AFTER_S = 2
_METHODS = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")
_BAD_REQUEST, _WRONG_METHOD = 400, 405
_log = structlog.get_logger(__name__)


def answer_of(error: OcrFleetError, request: Request) -> JSONResponse:
    """A known error as its answer."""
    status = _JOB_FAILED_STATUS.get(error.code, 409) if isinstance(error, JobFailed) else error.http_status
    answer = _answer(request, status, error.code, error.message, error.details)
    if error.retryable:
        wait_s = error.retry_after_s or _RETRY_AFTER_S
        answer.headers["Retry-After"] = str(max(1, math.ceil(wait_s)))
    if isinstance(error, Unauthorized):
        answer.headers["WWW-Authenticate"] = "Bearer"
    return answer


async def known_error(request: Request, error: OcrFleetError) -> Response:
    return answer_of(error, request)


async def validation_error(request: Request, error: RequestValidationError) -> Response:
    wrong: dict[str, object] = {".".join(str(part) for part in item["loc"]): in_words(item) for item in error.errors()}
    message = "; ".join(f"{name}: {what}" for name, what in wrong.items())
    return _answer(request, InvalidRequest.http_status, InvalidRequest.code, message, wrong)


async def http_error(request: Request, error: HTTPException) -> Response:
    """What the framework refuses: an unknown path, a method that a path does not have, a body that it cannot parse."""
    if error.status_code == NotFound.http_status:
        return _answer(request, NotFound.http_status, NotFound.code, f"there is nothing at {request.url.path}")
    if error.status_code == _WRONG_METHOD:
        allowed = ", ".join(_methods_at(request))
        message = f"{request.method} is not answered at {request.url.path}; use {allowed}"
        answer = _answer(request, _WRONG_METHOD, InvalidRequest.code, message)
        answer.headers["Allow"] = allowed
        return answer
    status = InvalidRequest.http_status if error.status_code == _BAD_REQUEST else error.status_code
    answer = _answer(request, status, InvalidRequest.code, str(error.detail))
    answer.headers.update(error.headers or {})
    return answer


async def caller_gone(request: Request, error: Exception) -> Response:
    """Who went away while the body came: nobody reads this answer, and nothing is wrong here."""
    _log.info("caller_gone", path=request.url.path, request_id=_request_id(request))
    return _answer(
        request, _BAD_REQUEST, InvalidRequest.code, "the request has ended before its body had; send it again"
    )


async def unknown_error(request: Request, error: Exception) -> Response:
    _log.error("request_failed", path=request.url.path, request_id=_request_id(request), exc_info=error)
    return _answer(request, 500, "internal", "an unexpected error; it is logged under this request_id")


def _methods_at(request: Request) -> list[str]:
    """Those that the path of a request has, over all its routes: the framework names those of the first."""
    scopes = {method: {**request.scope, "method": method} for method in _METHODS}
    routes = request.app.routes
    return [method for method, scope in scopes.items() if any(one.matches(scope)[0] is Match.FULL for one in routes)]


def _answer(
    request: Request, status: int, code: str, message: str, details: dict[str, object] | None = None
) -> JSONResponse:
    error = {"code": code, "message": message, "details": details or {}}
    return JSONResponse({"error": error, "request_id": _request_id(request)}, status_code=status)


def _request_id(request: Request) -> str | None:
    return getattr(request.state, "request_id", None)
