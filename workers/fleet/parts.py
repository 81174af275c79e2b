"""Processes that are kept running: started again with backoff, replaced when they stand still or grow old, drained."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from workers.fleet.child_process import Spawner
from workers.process_name import process_name

DRAIN_S = 45.0  # above the 30 s that a node has to stop
_AFTER_STOP_S = 15.0  # what ending takes a node once its time to stop is over
_BACKOFF_MAX_S, _DOUBLINGS = 30.0, 10
_STEADY_S = 60.0  # what ran this long has recovered: its next crash is the first
_log = structlog.get_logger(__name__)


def drain_s_for(stop_s: float) -> float:
    """How long to let nodes end that have `stop_s` to stop."""
    return max(DRAIN_S, stop_s + _AFTER_STOP_S)


@dataclass(kw_only=True, slots=True)
class Part:
    """One process and when it may be started again. Times are monotonic seconds; 0: never."""

    name: str
    arguments: Sequence[str]
    environment: Mapping[str, str]
    process: subprocess.Popen[bytes]
    started_at: float
    crashes: int = 0
    start_at: float = 0.0
    kill_at: float = 0.0  # it was told to stop, and is killed then
    is_leaving: bool = False  # it is not started again
    is_lost: bool = False  # it crashed too often in a row: neither is it

    @property
    def is_running(self) -> bool:
        return self.process.poll() is None

    @property
    def node(self) -> str:
        """What the fleet calls the process, where it is a node."""
        return process_name(self.process.pid)

    def stop(self, kill_at: float) -> None:
        """Let it end what it reads until then. Safe to repeat."""
        if not self.kill_at and self.is_running:
            self.kill_at = kill_at
            self.process.terminate()


@dataclass(kw_only=True, slots=True)
class Parts:
    """The processes of one machine. Used by one thread at a time.

    `spawner` starts them; what they print goes to `output`, or comes out here; `keep_fds` are handed down. What still
    runs `drain_s` after it was told to stop is killed. What crashed once more than `max_restarts` in a row is lost;
    None: nothing ever is.
    """

    spawner: Spawner
    output: Path | None = None
    keep_fds: Sequence[int] = ()
    drain_s: float = DRAIN_S
    max_restarts: int | None = None
    clock: Callable[[], float] = time.monotonic
    running: list[Part] = field(default_factory=list)

    def start(self, name: str, arguments: Sequence[str], environment: Mapping[str, str]) -> Part:
        """Start a process and keep it running."""
        process = self._spawn(arguments, environment)
        part = Part(name=name, arguments=arguments, environment=environment, process=process, started_at=self.clock())
        self.running.append(part)
        return part

    def leave(self, part: Part) -> None:
        """Let it end what it reads, and do not start it again."""
        part.is_leaving = True
        part.stop(self.clock() + self.drain_s)

    def replace(self, part: Part, *, why: str, within_s: float | None = None) -> None:
        """Let it end what it reads, at most for so long, by default `drain_s`, and start it anew."""
        _log.warning("part_replaced", part=part.name, why=why)
        part.stop(self.clock() + (self.drain_s if within_s is None else within_s))

    def watch(self) -> None:
        """One look: start again what crashed when its time has come, kill what was told to stop and did not."""
        now = self.clock()
        for part in list(self.running):
            if part.is_running:
                if part.kill_at and now >= part.kill_at:
                    _log.warning("part_killed", part=part.name)
                    part.process.kill()
            elif part.is_leaving:
                self.running.remove(part)
            elif not part.is_lost:
                self._start_again(part, now)

    def stop(self) -> None:
        """Drain them all and wait for their end. Safe to repeat."""
        deadline = self.clock() + self.drain_s
        for part in self.running:
            part.stop(deadline)
        for part in self.running:
            try:
                part.process.wait(timeout=max(0.0, deadline - self.clock()))
            except subprocess.TimeoutExpired:
                _log.warning("part_killed", part=part.name)
                part.process.kill()
                part.process.wait()
        self.running = []

    def _start_again(self, part: Part, now: float) -> None:
        was_asked = part.kill_at > 0
        if not part.start_at:
            if was_asked or now - part.started_at >= _STEADY_S:
                part.crashes = 0
            if self.max_restarts is not None and part.crashes >= self.max_restarts:
                part.is_lost = True
                _log.error("part_lost", part=part.name, status=part.process.returncode, restarts=part.crashes)
                return
            delay_s = 0.0 if was_asked else min(2.0 ** min(part.crashes, _DOUBLINGS) - 1, _BACKOFF_MAX_S)
            part.start_at = now + delay_s
            if not was_asked:
                status = part.process.returncode
                _log.warning("part_stopped", part=part.name, status=status, restart_in_s=delay_s)
        if now >= part.start_at:
            part.crashes += not was_asked
            part.process = self._spawn(part.arguments, part.environment)
            part.started_at, part.start_at, part.kill_at = now, 0.0, 0.0

    def _spawn(self, arguments: Sequence[str], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
        return self.spawner.spawn(arguments, environment=environment, output=self.output, keep_fds=self.keep_fds)
