"""A proxy in front of a real S3 server that breaks chosen requests in the ways that S3 and networks break them."""

from __future__ import annotations

import http.client
import socket
import struct
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from fnmatch import fnmatchcase
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

from tests.servers.s3 import S3Address

SERVER_S = 60.0  # for the real server's answer; it is on this machine
HANG_S = 120.0  # longer than any client waits
SLOW_STEP_BYTES = 16 * 1024
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER with 0 s: close sends RST
_HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "expect"})
ERROR = """<?xml version="1.0" encoding="UTF-8"?>
<Error><Code>{code}</Code><Message>A fault that a test ordered.</Message></Error>"""


class S3FaultKind(StrEnum):
    """What becomes of a request."""

    ERROR_500 = "error_500"  # answered with InternalError; the server does not see it
    SLOW_DOWN = "slow_down"  # answered with 503 SlowDown; the server does not see it
    HANG = "hang"  # never answered; the server does not see it
    RESET_UPLOAD = "reset_upload"  # the server gets half of the body, then both connections are reset
    LOST_REPLY = "lost_reply"  # the server does it, and its answer is lost
    FLIPPED_BYTE = "flipped_byte"  # the server gets a body with one wrong byte
    SLOW = "slow"  # the answer comes at `amount` bytes a second, after as long again for the request


_STATUS = {S3FaultKind.ERROR_500: (500, "InternalError"), S3FaultKind.SLOW_DOWN: (503, "SlowDown")}


@dataclass(frozen=True, kw_only=True, slots=True)
class S3Fault:
    """A fault for the next `times` requests with this method whose bucket/key matches (`fnmatch`)."""

    kind: S3FaultKind
    method: str = "*"
    key: str = "*"
    times: int = 1
    amount: float = 0.0

    def meets(self, method: str, key: str) -> bool:
        return self.times > 0 and fnmatchcase(method, self.method) and fnmatchcase(key, self.key)


@dataclass(frozen=True, kw_only=True, slots=True)
class Handled:
    """One request that came by: what it was, what was done to it, what the client was told (0: nothing)."""

    method: str
    key: str
    fault: S3FaultKind | None
    status: int


class S3Proxy:
    """Orders and records; the requests are served by threads of their own."""

    def __init__(self, server: S3Address, port: int) -> None:
        self._server = urlsplit(server.endpoint_url)
        self.address = replace(server, endpoint_url=f"http://127.0.0.1:{port}")
        self._lock = threading.Lock()
        self._faults: list[S3Fault] = []
        self._handled: list[Handled] = []
        self.closing = threading.Event()

    def order(self, *faults: S3Fault) -> None:
        """Add faults; the first that meets a request is used up by it."""
        with self._lock:
            self._faults += faults

    def heal(self) -> None:
        with self._lock:
            self._faults.clear()

    def handled(self) -> list[Handled]:
        with self._lock:
            return list(self._handled)

    def left(self) -> int:
        """How often the ordered faults can still happen."""
        with self._lock:
            return sum(fault.times for fault in self._faults)

    def take(self, method: str, key: str) -> S3Fault | None:
        with self._lock:
            for index, fault in enumerate(self._faults):
                if fault.meets(method, key):
                    self._faults[index] = replace(fault, times=fault.times - 1)
                    return fault
        return None

    def record(self, handled: Handled) -> None:
        with self._lock:
            self._handled.append(handled)

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(str(self._server.hostname), self._server.port, timeout=SERVER_S)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Answer:
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


class _Exchange(BaseHTTPRequestHandler):
    """One request with whatever was ordered for it. Bodies are held whole: parts of uploads are 8 MiB at most."""

    protocol_version = "HTTP/1.1"  # answers `Expect: 100-continue` by itself

    @property
    def proxy(self) -> S3Proxy:
        assert isinstance(self.server, _ProxyServer)
        return self.server.proxy

    def do_GET(self) -> None:
        self._handle()

    def do_HEAD(self) -> None:
        self._handle()

    def do_PUT(self) -> None:
        self._handle()

    def do_POST(self) -> None:
        self._handle()

    def do_DELETE(self) -> None:
        self._handle()

    def _handle(self) -> None:
        key = unquote(urlsplit(self.path).path).lstrip("/")
        body = self._read_body()
        fault = self.proxy.take(self.command, key)
        status = 0
        with suppress(OSError):  # the client has given up, or the server was killed
            status = self._act(fault, body)
        self.close_connection = self.close_connection or status == 0
        kind = fault.kind if fault else None
        self.proxy.record(Handled(method=self.command, key=key, fault=kind, status=status))

    def log_message(self, *_: object) -> None:
        """Stay silent: what came by is recorded."""

    def _act(self, fault: S3Fault | None, body: bytes) -> int:
        """Do what was ordered; the status that the client was told, 0 for none."""
        kind = fault.kind if fault else None
        if kind in _STATUS:
            return self._answer(_error(*_STATUS[kind]))
        if kind is S3FaultKind.HANG:
            self.proxy.closing.wait(HANG_S)
            return self._reset()
        if kind is S3FaultKind.RESET_UPLOAD:
            self._send_half(body)
            return self._reset()
        if kind is S3FaultKind.FLIPPED_BYTE and body:
            body = bytes([body[0] ^ 1]) + body[1:]
        try:
            answer = self._forward(body)
        except (OSError, http.client.HTTPException):
            return self._reset()  # the server is down: so is this
        if kind is S3FaultKind.LOST_REPLY:
            return self._reset()
        if fault and kind is S3FaultKind.SLOW:
            time.sleep(len(body) / fault.amount)
            return self._answer(answer, bytes_s=fault.amount)
        return self._answer(answer)

    def _read_body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():  # trailers: a signed one would be lost, and is refused by the server
            pass
        return body

    def _request_headers(self, size: int) -> Mapping[str, str]:
        """As they came: Host is part of the signature."""
        headers = {name: value for name, value in self.headers.items() if name.lower() not in _HOP_BY_HOP}
        return headers | ({"Content-Length": str(size)} if size else {})

    def _forward(self, body: bytes) -> _Answer:
        connection = self.proxy.connect()
        try:
            connection.request(self.command, self.path, body or None, self._request_headers(len(body)))
            answer = connection.getresponse()
            headers = tuple((name, value) for name, value in answer.getheaders() if name.lower() not in _HOP_BY_HOP)
            return _Answer(status=answer.status, headers=headers, body=answer.read())
        finally:
            connection.close()

    def _send_half(self, body: bytes) -> None:
        connection = self.proxy.connect()
        connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self._request_headers(len(body)).items():
            connection.putheader(name, value)
        connection.endheaders()
        connection.send(body[: len(body) // 2])
        connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        connection.close()

    def _answer(self, answer: _Answer, *, bytes_s: float | None = None) -> int:
        self.send_response_only(answer.status)
        has_length = False
        for name, value in answer.headers:
            has_length = has_length or name.lower() == "content-length"
            self.send_header(name, value)
        if not has_length and answer.status != http.HTTPStatus.NO_CONTENT:
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if not bytes_s:
            self.wfile.write(answer.body)
            return answer.status
        for start in range(0, len(answer.body), SLOW_STEP_BYTES):
            portion = answer.body[start : start + SLOW_STEP_BYTES]
            time.sleep(len(portion) / bytes_s)
            self.wfile.write(portion)
        return answer.status

    def _reset(self) -> int:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self.close_connection = True
        return 0


class _ProxyServer(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, server: S3Address) -> None:
        super().__init__(("127.0.0.1", 0), _Exchange)
        self.proxy = S3Proxy(server, self.server_port)

    def shutdown_request(self, request: socket.socket | tuple[bytes, socket.socket]) -> None:
        """Close at once, without a shutdown before: SO_LINGER then decides between FIN and RST."""
        if isinstance(request, socket.socket):
            request.close()


@contextmanager
def s3_proxy(server: S3Address) -> Iterator[S3Proxy]:
    """A proxy on a free loopback port; use its `address` in place of the server's."""
    listener = _ProxyServer(server)
    thread = threading.Thread(target=listener.serve_forever, name="s3-proxy", kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield listener.proxy
    finally:
        listener.proxy.closing.set()
        listener.shutdown()
        thread.join()
        listener.server_close()


def _error(status: int, code: str) -> _Answer:
    headers = (("Content-Type", "application/xml"),)
    return _Answer(status=status, headers=headers, body=ERROR.format(code=code).encode())
