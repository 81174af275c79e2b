"""Structured logs: an event name and fields, to standard error."""

from __future__ import annotations

import logging
import sys

import structlog


def configure_logs(log_format: str, *, level: int = logging.INFO) -> None:
    """Send our events and other libraries' records, from warnings up, to standard error.

    Errors come as Python prints them, never with the local variables: those hold documents and secrets, and drawing a
    thousand frames of them takes seconds.
    """
    for_machines = log_format == "json"
    renderers: list[structlog.typing.Processor] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
        if for_machines
        else [
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)
        ]
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso" if for_machines else "%H:%M:%S", utc=for_machines),
            *renderers,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    logging.basicConfig(
        stream=sys.stderr, level=logging.WARNING, format="%(levelname)s %(name)s %(message)s", force=True
    )
