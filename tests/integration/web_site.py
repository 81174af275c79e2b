"""A web server with documents, and with everything that can be wrong with one."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler

from tests.integration.serving import PNG
from tests.servers.http import listening

_DRIP_S = 0.05
_CHUNK = b"\0" * 65536


class Site(BaseHTTPRequestHandler):
    """What is at which path is read off `do_GET`."""

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        with suppress(ConnectionError):  # the client may have had enough
            match path.split("/")[1]:
                case "page.png":
                    self._send(200, PNG)
                case "words":
                    self._send(200, b"just words", Content_Type="image/png")
                case "empty":
                    self._send(200, b"")
                case "to":
                    self._send(302, b"", Location=self.path[len("/to") :] or "/page.png")
                case "away":
                    self._send(302, b"", Location=path[len("/away/") :].replace("!", "//"))
                case "loop":
                    self._send(307, b"", Location="/loop")
                case "packed":
                    self._send(200, PNG, Content_Encoding="gzip")
                case "endless":
                    self._endless()
                case "drip":
                    self._drip()
                case _:
                    self._send(404, b"")

    def _send(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _endless(self) -> None:
        self.send_response(200)
        self.end_headers()
        while True:
            self.wfile.write(_CHUNK)

    def _drip(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000000")
        self.end_headers()
        while True:
            self.wfile.write(b".")
            time.sleep(_DRIP_S)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def web_site() -> Iterator[str]:
    """The address of a running one."""
    with listening(Site) as address:
        yield address
