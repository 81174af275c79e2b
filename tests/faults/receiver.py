"""A webhook receiver that answers as badly as it is told to, and remembers every request that reached it."""

from __future__ import annotations

import http
import socket
import struct
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks import Webhook, WebhookVerificationError

HANG_S = 120.0  # longer than any sender waits
MAX_BYTES = 64 * 1024
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER with 0 s: close sends RST


class Manner(StrEnum):
    """How a request is met."""

    ANSWER = "answer"
    HANG = "hang"  # read, and never answered
    DIE = "die"  # read, and the connection reset before an answer


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """One answer: a status with headers, or none."""

    status: int = 204
    headers: Mapping[str, str] = field(default_factory=dict)
    manner: Manner = Manner.ANSWER


OK = Reply()


def redirect(to: str) -> Reply:
    return Reply(status=302, headers={"Location": to})


def try_later(status: int, *, retry_after_s: int) -> Reply:
    return Reply(status=status, headers={"Retry-After": str(retry_after_s)})


@dataclass(frozen=True, kw_only=True, slots=True)
class Received:
    """One request as it came. `is_signed`: its signature was right."""

    path: str
    headers: Mapping[str, str]
    body: bytes
    is_signed: bool

    @property
    def webhook_id(self) -> str:
        return self.headers.get("webhook-id", "")


class FaultyReceiver:
    """Answers with the replies in turn, then with the last one for ever."""

    def __init__(self, port: int, secret: str) -> None:
        self.url = f"http://127.0.0.1:{port}/hook"
        self.trap_url = f"http://127.0.0.1:{port}/trap"  # where redirects lead; nobody may come here
        self.tls_url = f"https://127.0.0.1:{port}/hook"  # nobody speaks TLS here: every handshake fails
        self.closing = threading.Event()
        self._verifier = Webhook(secret)
        self._changed = threading.Condition()
        self._replies = [OK]
        self._received: list[Received] = []

    def reply(self, *replies: Reply) -> None:
        """From the next request on."""
        with self._changed:
            self._replies = list(replies)

    def received(self) -> list[Received]:
        with self._changed:
            return list(self._received)

    def wait_for(self, count: int, *, timeout_s: float) -> list[Received]:
        """What came, once it is at least so many; fewer when the time is over."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._received) >= count, timeout=timeout_s)
            return list(self._received)

    def take(self, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
        received = Received(path=path, headers=headers, body=body, is_signed=self._is_signed(headers, body))
        with self._changed:
            self._received.append(received)
            self._changed.notify_all()
            return self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]

    def _is_signed(self, headers: Mapping[str, str], body: bytes) -> bool:
        try:
            self._verifier.verify(body, dict(headers))
        except WebhookVerificationError:
            return False
        return True


class _Request(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, _ReceiverServer)
        receiver = self.server.receiver
        body = self.rfile.read(min(int(self.headers.get("Content-Length", 0)), MAX_BYTES))
        reply = receiver.take(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
        if reply.manner is Manner.HANG:
            receiver.closing.wait(HANG_S)
        if reply.manner is not Manner.ANSWER:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            self.close_connection = True
            return
        self.send_response_only(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if reply.status != http.HTTPStatus.NO_CONTENT:
            self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_POST  # noqa: N815  a followed redirect comes as GET, and must be seen

    def log_message(self, *_: object) -> None:
        """Stay silent: what came is kept."""


class _ReceiverServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, secret: str) -> None:
        super().__init__(("127.0.0.1", 0), _Request)
        self.receiver = FaultyReceiver(self.server_port, secret)

    def shutdown_request(self, request: socket.socket | tuple[bytes, socket.socket]) -> None:
        """Close at once, without a shutdown before: SO_LINGER then decides between FIN and RST."""
        if isinstance(request, socket.socket):
            request.close()

    def handle_error(self, *_: object) -> None:
        """A sender that hung up, or spoke TLS, is what this is for."""


@contextmanager
def faulty_receiver(secret: str) -> Iterator[FaultyReceiver]:
    """A receiver on a free loopback port."""
    server = _ReceiverServer(secret)
    thread = threading.Thread(target=server.serve_forever, name="receiver", kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server.receiver
    finally:
        server.receiver.closing.set()
        server.shutdown()
        thread.join()
        server.server_close()
