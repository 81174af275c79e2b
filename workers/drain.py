"""Stopping a node: it takes no more work, its children end the page that they read, and it goes when they have."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Protocol

from celery.worker import state

_LOOK_S = 0.1
_SIGNALS = (signal.SIGTERM, signal.SIGQUIT)


class _Hub(Protocol):
    def call_soon(self, callback: Callable[[], None]) -> object: ...


class _TaskConsumer(Protocol):
    def cancel(self) -> None: ...


class Consumer(Protocol):
    """What is used here of Celery's. `task_consumer` is None while there is no connection."""

    hub: _Hub
    task_consumer: _TaskConsumer | None


class Drain:
    """What the first SIGTERM does, in place of Celery's handler, which sleeps for the whole of the time to stop.

    The second one, and the end of that time, is Celery's: messages that are worked on are put back, and the node ends.
    """

    def __init__(self, consumer: Consumer, *, within_s: float, tell: Callable[[], None]) -> None:
        """tell: has the children told that they end; called in a thread."""
        self._consumer = consumer
        self._within_s = within_s
        self._tell = tell
        self._is_asked = False
        self._put_back = {number: signal.getsignal(number) for number in _SIGNALS}

    def install(self) -> None:
        """Runs in the node's main thread, once it consumes."""
        for number in _SIGNALS:
            signal.signal(number, self._asked)

    def _asked(self, number: int, frame: FrameType | None) -> None:
        put_back = self._put_back[signal.Signals(number)]
        if self._is_asked and callable(put_back):
            put_back(number, frame)
        elif not self._is_asked:
            self._is_asked = True
            # A thread, because the loop that this interrupts must go on: it hears from the children.
            threading.Thread(target=self._run, name="drain", daemon=True).start()

    def _run(self) -> None:
        until = time.monotonic() + self._within_s
        self._consumer.hub.call_soon(self._take_no_more)
        self._tell()
        while time.monotonic() < until:
            time.sleep(_LOOK_S)
            if not state.reserved_requests and state.should_stop is None:
                state.should_stop = os.EX_OK
                self._consumer.hub.call_soon(self._take_no_more)  # wakes the loop, which looks at it then
        os.kill(os.getpid(), signal.SIGTERM)

    def _take_no_more(self) -> None:
        """Runs in the loop. Safe to repeat."""
        if self._consumer.task_consumer is not None:
            self._consumer.task_consumer.cancel()
