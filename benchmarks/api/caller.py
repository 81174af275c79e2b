"""One caller's connection: just enough of HTTP to ask and to follow.

A client library takes more processor time for a request than the service does, and callers share a core with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Self
from urllib.parse import urlsplit

_PATIENCE_S = 120.0  # for a batch; nothing else should take a second
_BOUNDARY = "a-page"


class Caller:
    """Keeps its connection. Raises: OSError, EOFError: it broke; TimeoutError."""

    def __init__(self, host: str, streams: tuple[asyncio.StreamReader, asyncio.StreamWriter]) -> None:
        self._host = host
        self._reader, self._writer = streams

    @classmethod
    async def connect(cls, address: str) -> Self:
        parts = urlsplit(address)
        return cls(parts.netloc, await asyncio.open_connection(parts.hostname, parts.port))

    def close(self) -> None:
        self._writer.close()

    async def get(self, path: str) -> tuple[int, bytes]:
        """Status and body."""
        return await self._ask(f"GET {path}", b"")

    async def send_document(self, path: str, filename: str, data: bytes) -> tuple[int, bytes]:
        """Status and body of a document sent as multipart."""
        part = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{filename}"\r\n\r\n'
        body = part.encode() + data + f"\r\n--{_BOUNDARY}--\r\n".encode()
        return await self._ask(f"POST {path}", body, f"Content-Type: multipart/form-data; boundary={_BOUNDARY}\r\n")

    async def send_json(self, path: str, body: bytes) -> tuple[int, bytes]:
        return await self._ask(f"POST {path}", body, "Content-Type: application/json\r\n")

    async def events(self, path: str) -> AsyncIterator[str]:
        """The kinds of the events of a stream as they come, until it ends. Raises: ValueError: it was refused."""
        status, headers = await self._begin(f"GET {path}", b"", "")
        if status != 200:
            raise ValueError(f"HTTP {status}")
        if headers.get("transfer-encoding") != "chunked":
            raise ValueError("a stream comes in chunks")
        while size := int(await self._reader.readuntil(b"\r\n"), 16):
            chunk = await self._reader.readexactly(size + 2)
            for line in chunk.decode().splitlines():
                if line.startswith("event:"):
                    yield line.removeprefix("event:").strip()
        await self._reader.readuntil(b"\r\n")

    async def _ask(self, line: str, body: bytes, headers: str = "") -> tuple[int, bytes]:
        async with asyncio.timeout(_PATIENCE_S):
            status, answered = await self._begin(line, body, headers)
            return status, await self._reader.readexactly(int(answered["content-length"]))

    async def _begin(self, line: str, body: bytes, headers: str) -> tuple[int, dict[str, str]]:
        """Send a request; status and headers of its answer."""
        head = f"{line} HTTP/1.1\r\nHost: {self._host}\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
        self._writer.write(head.encode() + body)
        await self._writer.drain()
        first, *lines = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        pairs = (line.partition(":") for line in filter(None, lines))
        return int(first.split()[1]), {name.lower(): value.strip() for name, _, value in pairs}
