"""A customer's webhook receiver: verifies the signature and remembers what it was told."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks import Webhook, WebhookVerificationError

_MAX_BYTES = 64 * 1024


class Receiver:
    """The deliveries whose signature was right, by webhook id, each with its parsed body."""

    def __init__(self, url: str, secret: str) -> None:
        self.url = url
        self._verifier = Webhook(secret)
        self._arrived = threading.Condition()
        self._messages: dict[str, dict[str, object]] = {}

    def take(self, headers: dict[str, str], body: bytes) -> bool:
        """Keep a message; whether its signature was right. The same id again is the same message."""
        try:
            message = self._verifier.verify(body, headers)
        except WebhookVerificationError:
            return False
        with self._arrived:
            self._messages[headers["webhook-id"]] = message
            self._arrived.notify_all()
        return True

    def wait_for(self, ids: set[str], *, timeout_s: float) -> dict[str, dict[str, object]]:
        """The messages with these ids; fewer when the time is over."""
        with self._arrived:
            self._arrived.wait_for(lambda: ids <= set(self._messages), timeout=timeout_s)
            return {name: self._messages[name] for name in ids & set(self._messages)}


@contextmanager
def receiving(secret: str) -> Iterator[Receiver]:
    """A receiver on a free loopback port."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            size = min(int(self.headers.get("Content-Length", 0)), _MAX_BYTES)
            headers = {name.lower(): value for name, value in self.headers.items()}
            self.send_response(204 if receiver.take(headers, self.rfile.read(size)) else 401)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Stay silent: the demo tells of the messages itself."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver = Receiver(f"http://127.0.0.1:{server.server_port}/told", secret)
    thread = threading.Thread(target=server.serve_forever, name="webhook-receiver")
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
