"""Moto: the features of S3, quickly, but neither its locks nor its strictness."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers.process import ServerProcess, free_port, scratch_folder
from tests.servers.s3 import S3Address


class MotoServer:
    """A moto server. It keeps everything in memory and accepts any credentials."""

    def __init__(self, folder: Path) -> None:
        port = free_port()
        self.address = S3Address(
            endpoint_url=f"http://127.0.0.1:{port}", region="us-east-1", access_key="moto", secret_key="moto"
        )
        self._process = ServerProcess(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)], folder / "moto.log"
        )
        self._process.wait_until(self.address.is_ready())

    def kill(self) -> None:
        self._process.kill()

    def pause(self) -> None:
        self._process.pause()

    def resume(self) -> None:
        self._process.resume()


@contextmanager
def moto_server() -> Iterator[MotoServer]:
    with scratch_folder("moto") as folder:
        server = MotoServer(folder)
        try:
            yield server
        finally:
            server.kill()
