"""TLS in front of a server on loopback, with a certificate made for the occasion."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
import threading
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

_CHUNK_BYTES = 1 << 16
_HANDSHAKE = b"\x16"  # what TLS begins with, and no command of Redis


_Handler: TypeAlias = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]]


@dataclass(frozen=True, kw_only=True, slots=True)
class TlsFront:
    """port: where TLS is spoken. certificate: the file that a client must trust."""

    port: int
    certificate: Path


@contextmanager
def tls_front(target_port: int, folder: Path, *, also_plain: bool = False) -> Iterator[TlsFront]:
    """The certificate is in `folder`, and made where there is none yet.

    also_plain: who does not begin with TLS is let through as he is: servers among themselves, that know one port.
    """
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    if not certificate.exists():
        make_certificate(certificate, key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="tls-front")
    thread.start()

    def started(handle: _Handler, tls: ssl.SSLContext | None) -> asyncio.Server:
        # Not half a minute for a client that is gone, at the end.
        starting = asyncio.start_server(handle, "127.0.0.1", 0, ssl=tls, ssl_shutdown_timeout=1 if tls else None)
        return asyncio.run_coroutine_threadsafe(starting, loop).result()

    servers = [started(lambda reader, writer: _pass(reader, writer, target_port), context)]
    tls_port = _port(servers[0])
    if also_plain:
        servers.append(started(lambda reader, writer: _either(reader, writer, tls_port, target_port), None))
    try:
        yield TlsFront(port=_port(servers[-1]), certificate=certificate)
    finally:
        asyncio.run_coroutine_threadsafe(_end(servers), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def make_certificate(certificate: Path, key: Path) -> None:
    """For 127.0.0.1, signed by itself, valid for a day."""
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-days", "1", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run([*command, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)


def _port(server: asyncio.Server) -> int:
    port: int = server.sockets[0].getsockname()[1]
    return port


async def _either(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, tls_port: int, plain_port: int) -> None:
    first = b""
    with suppress(OSError):
        first = await reader.read(1)
    await _pass(reader, writer, tls_port if first == _HANDSHAKE else plain_port, first)


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int, first: bytes = b"") -> None:
    """Everything to the port, `first` before it, and everything back; nothing where nobody listens."""
    try:
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        writer.close()
        return
    inner_writer.write(first)
    await asyncio.gather(_copy(reader, inner_writer), _copy(inner_reader, writer))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        with suppress(OSError):
            while data := await reader.read(_CHUNK_BYTES):
                writer.write(data)
                await writer.drain()
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


async def _end(servers: Sequence[asyncio.Server]) -> None:
    for server in servers:
        server.close()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
