"""Running the API in uvicorn."""

from __future__ import annotations

import socket

import uvicorn

from producer.api.app import create_app
from producer.api.guard import Access, is_loopback
from producer.connect import connect
from producer.contract.errors import InvalidRequest
from producer.settings import Settings
from producer.telemetry import export_traces


def serve(settings: Settings, *, host: str, port: int, fd: int | None = None) -> None:
    """Serve until SIGTERM or SIGINT; running requests are finished. `fd` is a socket that already listens.

    Raises: InvalidRequest when the API would be open to other machines without a key.
    """
    if Access.of(settings).is_open and not is_loopback(host):
        raise InvalidRequest(
            f"set OCRFLEET_API_KEY, or OCRFLEET_API_KEYS_REQUIRED=1 and make keys with `ocrfleet keys create`, before "
            f"listening on {host}: without keys the API stays on loopback"
        )
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
    server = uvicorn.Server(config)
    app.state.is_stopping = lambda: server.should_exit
    try:
        server.run(sockets=None if fd is None else [socket.socket(fileno=fd)])
    finally:
        producer.close()
        stop_tracing()
