"""A TCP proxy whose connections can be broken in every way a network breaks them, switched while it runs."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

CALL_S = 10.0  # how long the proxy's own thread may take to answer
CONNECT_S = 5.0
CHUNK_BYTES = 64 * 1024
THROTTLE_STEP_S = 0.05  # a throttled connection moves in portions of this length
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER with 0 s: close sends RST
_T = TypeVar("_T")


class Kind(StrEnum):
    """What becomes of connections."""

    PASS = "pass"
    REFUSE = "refuse"  # nobody listens; what was connected is closed
    BLACK_HOLE = "black_hole"  # accepted, read, never answered; such a connection stays silent after healing too
    RESET = "reset"  # RST for what is connected and for whoever connects
    DELAY = "delay"  # every portion comes `amount` seconds later
    CUT = "cut"  # a connection is closed once `amount` bytes of answers have passed
    THROTTLE = "throttle"  # `amount` bytes a second each way


@dataclass(frozen=True, kw_only=True, slots=True)
class Behaviour:
    """One way to behave; what `amount` means is said at the kind."""

    kind: Kind
    amount: float = 0.0


PASS = Behaviour(kind=Kind.PASS)


class _Connection:
    """One client and its server, both ends open."""

    def __init__(self, client: asyncio.StreamWriter, server: asyncio.StreamWriter) -> None:
        self.ends = (client, server)
        self.pumps: tuple[asyncio.Task[None], ...] = ()
        self.answered_bytes = 0  # since the behaviour was last switched
        self.is_silent = False

    def reset(self) -> None:
        for end in self.ends:
            _reset(end)

    def close(self) -> None:
        for end in self.ends:
            end.close()

    def stop(self) -> None:
        for pump in self.pumps:
            pump.cancel()


class TcpProxy:
    """Listens on `port` of loopback and speaks to `target_port`. Its loop runs in a thread of its own."""

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._behaviour = PASS
        self._connections: set[_Connection] = set()
        self._server: asyncio.Server | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="tcp-proxy", daemon=True)
        self._thread.start()
        self.port = 0
        self.port = self._call(self._listen())

    def behave(self, kind: Kind, amount: float = 0.0) -> None:
        """Switch. What is connected already behaves so too, from its next portion on."""
        self._call(self._switch(Behaviour(kind=kind, amount=amount)))

    def heal(self) -> None:
        self.behave(Kind.PASS)

    def open_connections(self) -> int:
        return len(self._connections)

    def close(self) -> None:
        self._call(self._shut())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(CALL_S)
        self._loop.close()

    def _call(self, work: Awaitable[_T]) -> _T:
        async def run() -> _T:
            return await work

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(CALL_S)

    async def _listen(self) -> int:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def _stop_listening(self) -> None:
        if self._server:
            self._server.close()
            await self._server.wait_closed()
            self._server = None

    async def _switch(self, behaviour: Behaviour) -> None:
        self._behaviour = behaviour
        for connection in set(self._connections):
            connection.answered_bytes = 0
            if behaviour.kind is Kind.RESET:
                connection.reset()
            elif behaviour.kind is Kind.REFUSE:
                connection.close()
        if behaviour.kind is Kind.REFUSE:
            await self._stop_listening()
        elif self._server is None:
            await self._listen()

    async def _shut(self) -> None:
        await self._stop_listening()
        for connection in set(self._connections):
            connection.stop()
        await asyncio.gather(*(asyncio.all_tasks() - {asyncio.current_task()}), return_exceptions=True)

    async def _serve(self, from_client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        if self._behaviour.kind is Kind.RESET:
            _reset(to_client)
            return
        try:
            connecting = asyncio.open_connection("127.0.0.1", self._target_port)
            from_server, to_server = await asyncio.wait_for(connecting, CONNECT_S)
        except OSError:  # TimeoutError is one
            _reset(to_client)
            return
        connection = _Connection(to_client, to_server)
        self._connections.add(connection)
        try:
            connection.pumps = (
                asyncio.create_task(self._pump(connection, from_client, to_server, answers=False)),
                asyncio.create_task(self._pump(connection, from_server, to_client, answers=True)),
            )
            await asyncio.wait(connection.pumps, return_when=asyncio.FIRST_COMPLETED)
            connection.stop()
            await asyncio.gather(*connection.pumps, return_exceptions=True)
        finally:
            self._connections.discard(connection)
            connection.close()

    async def _pump(
        self, connection: _Connection, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, answers: bool
    ) -> None:
        with suppress(OSError):  # a connection that breaks is what this is for
            while portion := await source.read(CHUNK_BYTES):
                if self._behaviour.kind is Kind.BLACK_HOLE:
                    connection.is_silent = True
                if connection.is_silent:
                    continue
                if answers and not self._may_answer(connection, portion, sink):
                    return
                await self._deliver(portion, sink)

    def _may_answer(self, connection: _Connection, portion: bytes, sink: asyncio.StreamWriter) -> bool:
        """Whether the whole portion may pass; when not, its beginning was sent and the connection is broken."""
        allowed = int(self._behaviour.amount) - connection.answered_bytes
        if self._behaviour.kind is not Kind.CUT or len(portion) < allowed:
            connection.answered_bytes += len(portion)
            return True
        sink.write(portion[:allowed])
        # RST would overtake what was just written: the client must see the beginning of the answer.
        connection.close()
        return False

    async def _deliver(self, portion: bytes, sink: asyncio.StreamWriter) -> None:
        behaviour = self._behaviour
        if behaviour.kind is Kind.DELAY:
            await asyncio.sleep(behaviour.amount)
        if behaviour.kind is not Kind.THROTTLE:
            sink.write(portion)
            await sink.drain()
            return
        step_bytes = max(1, int(behaviour.amount * THROTTLE_STEP_S))
        for start in range(0, len(portion), step_bytes):
            await asyncio.sleep(THROTTLE_STEP_S)
            sink.write(portion[start : start + step_bytes])
            await sink.drain()


@contextmanager
def tcp_proxy(target_port: int) -> Iterator[TcpProxy]:
    proxy = TcpProxy(target_port)
    try:
        yield proxy
    finally:
        proxy.close()


def _reset(end: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        end.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    end.transport.abort()
