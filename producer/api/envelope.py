"""What every answer carries: the id of its request, and the headers that keep browsers from misusing it."""

from __future__ import annotations

import uuid_utils
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    # Documents and their text are nobody's to keep on the way.
    "Cache-Control": "no-store",
}
# Data is never a page: nothing in it may run. Pages say themselves what they need.
_DATA_POLICY = "default-src 'none'; frame-ancestors 'none'"
_PAGE_POLICY = "frame-ancestors 'none'; base-uri 'none'; object-src 'none'"


class Envelope:
    """ASGI middleware, the outermost. No header of CORS is ever set: other origins read nothing."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = uuid_utils.uuid7().hex
        scope.setdefault("state", {})["request_id"] = request_id

        async def sealed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = request_id
                for name, value in _ALWAYS.items():
                    headers.setdefault(name, value)
                is_page = headers.get("Content-Type", "").startswith("text/html")
                headers.setdefault("Content-Security-Policy", _PAGE_POLICY if is_page else _DATA_POLICY)
            await send(message)

        await self._app(scope, receive, sealed)
