"""A process under the moved clock sees another time of day, and waits no longer or shorter for it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.faults.wall_clock import WallClock

HOUR_S = 3_600
ASKED = """
import datetime, sys, threading, time
for _ in sys.stdin:
    started = time.monotonic()
    time.sleep(0.01)
    threading.Event().wait(0.01)
    print(time.time(), datetime.datetime.now().timestamp(), time.monotonic() - started, flush=True)
"""


@contextmanager
def clock_in(folder: Path) -> Iterator[WallClock]:
    clock = WallClock(folder)
    try:
        yield clock
    finally:
        clock.close()


def test_the_clock_jumps_while_the_process_runs_and_waits_stay_as_they_are(tmp_path: Path) -> None:
    with clock_in(tmp_path) as clock:
        command = [sys.executable, "-c", ASKED]
        environment = {**os.environ, **clock.environment}
        with subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        ) as process:
            assert process.stdin
            assert process.stdout
            for offset_s in (0, HOUR_S, -HOUR_S, 0):
                clock.jump(offset_s)
                process.stdin.write("\n")
                by_time, by_datetime, waited_s = map(float, process.stdout.readline().split())
                assert abs(by_time - time.time() - offset_s) < 5
                assert abs(by_datetime - time.time() - offset_s) < 5
                assert 0.02 <= waited_s < 5
            process.stdin.close()


def test_this_process_keeps_its_own_time(tmp_path: Path) -> None:
    with clock_in(tmp_path) as clock:
        before = time.time()
        clock.jump(HOUR_S)
        assert abs(time.time() - before) < 60
