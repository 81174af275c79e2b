"""Running the API in uvicorn."""

from __future__ import annotations

import gc
import os
import signal
import socket
import threading
from types import FrameType

import structlog
import uvicorn

from producer.api.app import create_app
from producer.api.guard import Access, is_loopback
from producer.connect import connect
from producer.contract.errors import InvalidRequest
from producer.logs import configure_logs
from producer.misspelt import warn_of_misspelt
from producer.settings import Settings
from producer.telemetry import export_traces

_DRAIN_S = 2.0  # two looks of a load balancer that looks every second
_log = structlog.get_logger(__name__)


class _Draining(uvicorn.Server):
    """A server that on SIGTERM goes on for `drain_s` while it says that it is not ready, and then finishes."""

    def __init__(self, config: uvicorn.Config, *, drain_s: float) -> None:
        super().__init__(config)
        self._drain_s = drain_s
        self.is_draining = False

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if sockets:  # whoever opened them says so
            return
        for address in (one.getsockname()[:2] for server in self.servers for one in server.sockets):
            _log.info("api_ready", host=address[0], port=address[1])

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Runs in the main thread as a signal handler. A second signal ends the draining."""
        if self.is_draining or sig != signal.SIGTERM or not self._drain_s:
            super().handle_exit(sig, frame)
            return
        self.is_draining = True
        timer = threading.Timer(self._drain_s, super().handle_exit, (sig, frame))
        timer.daemon = True
        timer.start()


def serve(settings: Settings, *, host: str, port: int, fd: int | None = None) -> None:
    """Serve until SIGTERM or SIGINT; running requests are finished, see `OCRFLEET_DRAIN_S`.

    `fd` is a socket that already listens.

    Raises: InvalidRequest when the API would be open to other machines without a key.
    """
    if Access.of(settings).is_open and not is_loopback(host):
        raise InvalidRequest(
            f"set OCRFLEET_API_KEY, or OCRFLEET_API_KEYS_REQUIRED=1 and make keys with `ocrfleet keys create`, before "
            f"listening on {host}: without keys the API stays on loopback"
        )
    configure_logs(settings.log_format)
    if fd is None:  # else it was started by who has said it
        warn_of_misspelt(os.environ, Settings)
    stop_tracing = export_traces(settings.otlp_endpoint, service="ocrfleet-api")
    producer = connect(settings)
    app = create_app(producer, settings)
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=20,
        server_header=False,
    )
    drain_s = settings.drain_s if settings.drain_s is not None else 0 if is_loopback(host) else _DRAIN_S
    server = _Draining(config, drain_s=drain_s)
    app.state.is_stopping = lambda: server.should_exit
    app.state.is_draining = lambda: server.is_draining
    # What is loaded by now stays. To look through it again and again takes 60 ms, in which nobody is answered.
    gc.collect()
    gc.freeze()
    try:
        server.run(sockets=None if fd is None else [socket.socket(fileno=fd)])
    finally:
        producer.close()
        stop_tracing()
