"""Rounds go on, whatever becomes of one."""

from __future__ import annotations

import threading

import structlog

from producer.contract.errors import Unavailable
from workers.rounds import go_round


def test_a_round_that_fails_is_told_and_the_next_one_comes() -> None:
    stop, tries = threading.Event(), iter((Unavailable("redis is away"), ValueError("a fault of ours"), None))

    def step() -> None:
        error = next(tries)
        if error is not None:
            raise error
        stop.set()

    with structlog.testing.capture_logs() as told:
        go_round(step, name="reconciler", every_s=0.001, stop=stop)
    assert [(line["event"], line["log_level"], line["of"]) for line in told] == [
        ("round_put_off", "warning", "reconciler"),
        ("round_failed", "error", "reconciler"),
    ]
    assert told[1]["exc_info"]
