"""A bound on request bodies, whatever their headers claim."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from producer.contract.errors import TooLarge


class BodyLimit:
    """ASGI middleware that ends a request whose body grows beyond `max_bytes` with `too_large`."""

    def __init__(self, app: ASGIApp, *, max_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self._max_bytes:
                raise TooLarge(f"the request has more than {self._max_bytes} bytes")
            return message

        await self._app(scope, counted, send)
