"""Work that is done again and again, whatever becomes of one round of it."""

from __future__ import annotations

import threading
from collections.abc import Callable

import structlog

from producer.contract.errors import Unavailable

_log = structlog.get_logger(__name__)


def go_round(step: Callable[[], object], *, name: str, every_s: float, stop: threading.Event) -> None:
    """Step until told to stop. What a step raises is logged, and the next one comes all the same."""
    while not stop.wait(every_s):
        try:
            step()
        except Unavailable as error:
            _log.warning("round_put_off", of=name, reason=error.message)
        except Exception:  # noqa: BLE001 -- a thread that ended would leave its work to nobody, and nobody would see it
            _log.exception("round_failed", of=name)
