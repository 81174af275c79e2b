"""A bound on request bodies, whatever their headers claim."""

from __future__ import annotations

from fastapi import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from producer.api.answers import answer_of
from producer.api.bodies import MULTIPART, media_type
from producer.contract.errors import TooLarge

# Where a body goes to a file as it comes. Everything else is held in memory and has the smaller bound.
_UPLOADS, _SUBMISSIONS = "/v1/uploads/", "/v1/jobs"


class BodyLimit:
    """ASGI middleware that ends a request whose body is, or grows, beyond its bound with `too_large`."""

    def __init__(self, app: ASGIApp, *, max_bytes: int, max_json_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes
        self._max_json_bytes = min(max_json_bytes, max_bytes * 4 // 3)  # Base64 is 4/3 of the bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        is_streamed = _is_streamed(request)
        max_bytes = self._max_bytes if is_streamed else self._max_json_bytes
        advice = "split the document" if is_streamed else "send the document as multipart or as an upload"
        refusal = TooLarge(f"the request has more than {max_bytes} bytes; {advice}")
        announced = request.headers.get("Content-Length", "0")
        if announced.isdecimal() and int(announced) > max_bytes:
            await answer_of(refusal, request)(scope, receive, send)
            return
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > max_bytes:
                raise refusal
            return message

        await self._app(scope, counted, send)


def _is_streamed(request: Request) -> bool:
    """By where it goes, and not by what its sender says that it is."""
    path = request.url.path
    return path.startswith(_UPLOADS) or (path == _SUBMISSIONS and media_type(request) == MULTIPART)
