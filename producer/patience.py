"""Patience with a service that does not answer for a while: how long to wait before it is asked again, and for it."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from threading import TIMEOUT_MAX, Thread
from typing import TypeVar

from producer.contract.errors import OcrFleetError, Unavailable

GRACE_S = 1.5  # an answer that is held back until the deadline gets this long to arrive
RETRY_AFTER_MAX_S = 10.0  # a service that names a longer time is asked again after this one
_FIRST_PAUSE_S, _PAUSE_MAX_S = 0.2, 5.0
_T = TypeVar("_T")


class Patience:
    """For one question that is asked until `deadline`, in monotonic seconds."""

    def __init__(self, deadline: float) -> None:
        self._deadline = deadline
        self._pause_s = _FIRST_PAUSE_S

    @property
    def within_s(self) -> float:
        """Seconds in which a question that is asked now must be answered."""
        return max(0.0, self._deadline - time.monotonic()) + GRACE_S

    def put_off(self, deadline: float) -> None:
        """Ask until then; the pauses stay as long as they have become."""
        self._deadline = deadline

    def pause_s(self, error: OcrFleetError) -> float:
        """Seconds to let pass before the question is asked again.

        Raises: the error: asking again does not help, or the deadline has come.
        """
        left_s = self._deadline - time.monotonic()
        if not error.retryable or left_s <= 0:
            raise error
        asked_s = min(error.retry_after_s or 0.0, RETRY_AFTER_MAX_S)
        pause_s = min(max(self._pause_s, asked_s), left_s)
        self._pause_s = min(self._pause_s * 2, _PAUSE_MAX_S)
        return pause_s


def patient(
    ask: Callable[[], _T], *, deadline: float, meanwhile: Callable[[OcrFleetError], None] = lambda error: None
) -> _T:
    """Ask until there is an answer; what is refused for a while is asked again until the deadline.

    An answer that is on its way is waited for. meanwhile: told why, before each pause. Raises: the errors of `ask`.
    """
    patience = Patience(deadline)
    while True:
        try:
            return ask()
        except OcrFleetError as error:
            pause_s = patience.pause_s(error)
            meanwhile(error)
        time.sleep(pause_s)


def patient_look(
    ask: Callable[[], _T], *, deadline: float, meanwhile: Callable[[OcrFleetError], None] = lambda error: None
) -> _T:
    """`patient` for what only looks: it ends soon after the deadline, whatever becomes of an answer on its way."""
    patience = Patience(deadline)
    return patient(lambda: in_time(ask, within_s=patience.within_s), deadline=deadline, meanwhile=meanwhile)


def in_time(ask: Callable[[], _T], *, within_s: float) -> _T:
    """What `ask` answers in this time. It runs in a thread, and is left to itself when the time is over.

    A socket's timeout bounds each read, not an answer that comes byte by byte, and the look-up of a name not at all.
    Raises: the errors of `ask`; Unavailable: no answer yet.
    """
    answer: Future[_T] = Future()
    Thread(target=_ask, args=(ask, answer), daemon=True).start()
    try:
        return answer.result(min(within_s, TIMEOUT_MAX))
    except TimeoutError as error:
        if answer.done():  # then it is that of `ask`
            raise
        raise Unavailable(f"no answer within {within_s:.1f} s; try again shortly") from error


def _ask(ask: Callable[[], _T], answer: Future[_T]) -> None:
    try:
        answer.set_result(ask())
    except BaseException as error:  # noqa: BLE001  # told to whoever waits, in the other thread
        answer.set_exception(error)
