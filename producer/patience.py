"""Patience with a service that does not answer for a while: how long to wait before it is asked again."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from producer.contract.errors import OcrFleetError

_FIRST_PAUSE_S, _PAUSE_MAX_S = 0.2, 5.0
_T = TypeVar("_T")


class Patience:
    """For one question that is asked until `deadline`, in monotonic seconds."""

    def __init__(self, deadline: float) -> None:
        self._deadline = deadline
        self._pause_s = _FIRST_PAUSE_S

    def pause_s(self, error: OcrFleetError) -> float:
        """Seconds to let pass before the question is asked again.

        Raises: the error: asking again does not help, or the deadline has come.
        """
        left_s = self._deadline - time.monotonic()
        if not error.retryable or left_s <= 0:
            raise error
        pause_s = min(self._pause_s, left_s)
        self._pause_s = min(self._pause_s * 2, _PAUSE_MAX_S)
        return pause_s


def patient(
    ask: Callable[[], _T], *, deadline: float, meanwhile: Callable[[OcrFleetError], None] = lambda error: None
) -> _T:
    """Ask until there is an answer; what is refused for a while is asked again until the deadline.

    meanwhile: told why, before each pause. Raises: the errors of `ask`.
    """
    patience = Patience(deadline)
    while True:
        try:
            return ask()
        except OcrFleetError as error:
            pause_s = patience.pause_s(error)
            meanwhile(error)
        time.sleep(pause_s)
