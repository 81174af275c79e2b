"""Named points at which a test stops, delays or kills this process; without OCRFLEET_WORKER_FAILPOINT they do nothing.

    OCRFLEET_WORKER_FAILPOINT=after_put:kill              SIGKILL this process whenever it comes by
    OCRFLEET_WORKER_FAILPOINT=after_put:kill:1            once only, over all processes and restarts
    OCRFLEET_WORKER_FAILPOINT=before_ack:sleep:2.5:3      three times: wait 2.5 s
    OCRFLEET_WORKER_FAILPOINT=after_put:exit,after_commit:raise
    OCRFLEET_WORKER_FAILPOINT=after_commit:barrier:1      say so in a file and wait for another one

Counts and barriers live as files in the folder OCRFLEET_WORKER_FAILPOINT_DIR: `after_put.1` exists once `after_put` has
fired once; a barrier makes `after_commit.reached` and waits until `after_commit.go` exists.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

EXIT_CODE = 71
BARRIER_S = 120.0  # longer than any test waits; a forgotten barrier still ends
_POLL_S = 0.01
_PLAIN = ("kill", "exit", "raise", "barrier")


class BadFailpoint(ValueError):
    """OCRFLEET_WORKER_FAILPOINT is not `name:kill|exit|raise|barrier[:count]` or `name:sleep:seconds[:count]`."""


class FailpointRaised(Exception):
    """What `raise` raises: an error that no code expects."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Failpoint:
    """What happens at one name. `count`: how often at most; None: always. `folder`: where counts and barriers live."""

    name: str
    action: str
    sleep_s: float = 0.0
    count: int | None = None
    folder: Path | None = None

    def fire(self) -> None:
        """Raises: FailpointRaised; or does not return."""
        if self.count is not None and not self._takes_a_turn(self.count):
            return
        if self.action == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        elif self.action == "exit":
            os._exit(EXIT_CODE)
        elif self.action == "raise":
            raise FailpointRaised(self.name)
        elif self.action == "sleep":
            time.sleep(self.sleep_s)
        else:
            self._wait_for_go()

    def _takes_a_turn(self, count: int) -> bool:
        """Making a file that must not exist yet is atomic between processes, and outlives them."""
        for number in range(1, count + 1):
            try:
                self._file(str(number)).touch(exist_ok=False)
            except FileExistsError:
                continue
            return True
        return False

    def _wait_for_go(self) -> None:
        self._file("reached").touch()
        deadline = time.monotonic() + BARRIER_S
        while not self._file("go").exists():
            if time.monotonic() > deadline:
                raise FailpointRaised(f"{self.name}: nobody opened the barrier in {BARRIER_S:g} s")
            time.sleep(_POLL_S)

    def _file(self, suffix: str) -> Path:
        if self.folder is None:
            raise BadFailpoint("a count or a barrier needs OCRFLEET_WORKER_FAILPOINT_DIR")
        return self.folder / f"{self.name}.{suffix}"


_armed: Mapping[str, Failpoint] = {}


def reach(name: str) -> None:
    """The code came by `name`. Costs one look at an empty mapping when nothing is armed."""
    if _armed and (failpoint := _armed.get(name)):
        failpoint.fire()


def arm(text: str, folder: Path | None) -> None:
    """Set every failpoint of this process; an empty text disarms. Called where a process is wired, and by tests.

    Raises: BadFailpoint.
    """
    global _armed  # replaced whole, where the process is wired: passing it to every step would hide the steps
    failpoints = [_parse(part, folder) for part in text.split(",") if part]
    _armed = {failpoint.name: failpoint for failpoint in failpoints}


def _parse(text: str, folder: Path | None) -> Failpoint:
    name, action, *rest = [*text.split(":"), ""]
    values = rest[:-1]
    try:
        sleep_s = float(values.pop(0)) if action == "sleep" else 0.0
        count = int(values.pop(0)) if values else None
    except (IndexError, ValueError) as error:
        raise BadFailpoint(f"{text!r}: {BadFailpoint.__doc__}") from error
    if not name.isidentifier() or action not in (*_PLAIN, "sleep") or values:
        raise BadFailpoint(f"{text!r}: {BadFailpoint.__doc__}")
    if folder is None and (count is not None or action == "barrier"):
        raise BadFailpoint(f"{text!r}: a count or a barrier needs OCRFLEET_WORKER_FAILPOINT_DIR")
    return Failpoint(name=name, action=action, sleep_s=sleep_s, count=count, folder=folder)
