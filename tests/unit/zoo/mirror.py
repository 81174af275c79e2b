"""A host of models on this machine, and what can go wrong with one."""

from __future__ import annotations

import io
import re
import tarfile
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from ocr_engine.zoo.registry import Host


@dataclass
class Mirror:
    """Serves `files` by path. `cut`: path to the number of bytes after which the next answer breaks off.

    `moved`: path to where it redirects.
    """

    files: dict[str, bytes]
    cut: dict[str, int] = field(default_factory=dict)
    moved: dict[str, str] = field(default_factory=dict)
    port: int = 0
    tagged: bool = True
    asked: list[tuple[str, str | None]] = field(default_factory=list)

    def host(self, name: str = "mirror") -> Host:
        return Host(name=name, url=f"http://127.0.0.1:{self.port}/{{repository}}/{{file}}", is_archive=False)

    def address(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def archive_host(self, name: str = "archives") -> Host:
        return Host(name=name, url=f"http://127.0.0.1:{self.port}/{{repository}}.tar", is_archive=True)

    @property
    def counts(self) -> Counter[str]:
        return Counter(path for path, _ in self.asked)


@contextmanager
def serve(files: Mapping[str, bytes]) -> Iterator[Mirror]:
    """A mirror that is there as long as the block."""
    mirror = Mirror(files=dict(files))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = self.headers.get("Range")
            mirror.asked.append((self.path, asked))
            if self.path in mirror.moved:
                self.send_response(302)
                self.send_header("Location", mirror.moved[self.path])
                self.end_headers()
                return
            content = mirror.files.get(self.path)
            if content is None:
                self.send_error(404)
                return
            tag = f'"{sha256(content).hexdigest()[:16]}"'
            start = 0
            match = re.fullmatch(r"bytes=(\d+)-", asked or "")
            if match and self.headers.get("If-Range") == tag:
                start = int(match[1])
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
            if mirror.tagged:
                self.send_header("ETag", tag)
            self.send_header("Content-Length", str(len(content) - start))
            self.end_headers()
            self.wfile.write(content[start : mirror.cut.pop(self.path, len(content))])

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        mirror.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield mirror
        finally:
            server.shutdown()
            thread.join()


def tar_of(*members: tuple[tarfile.TarInfo, bytes], mode: str = "w") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as tar:  # type: ignore[call-overload]  # the mode varies
        for info, content in members:
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def plain(name: str, content: bytes = b"x") -> tuple[tarfile.TarInfo, bytes]:
    return tarfile.TarInfo(name), content


def special(name: str, kind: bytes, link: str = "") -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info, b""
