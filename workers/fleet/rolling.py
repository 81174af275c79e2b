"""Giving running parts another environment: one after another, the new one up before the old one ends its work."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import structlog

from workers.fleet.parts import Part, Parts

_log = structlog.get_logger(__name__)


@dataclass(kw_only=True, slots=True)
class Roll:
    """The parts to replace, if there are any. Used by the thread that uses `parts`.

    is_ready: whether a part does its work, so that the one before it may go. start_s: one that is not ready after so
    long, or crashes before, ends the roll: what still runs stays as it is.
    """

    parts: Parts
    is_ready: Callable[[Part], bool]
    start_s: float
    _wanted: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    _pair: tuple[Part, Part] | None = None  # the old one, and the new one that is starting

    def begin(self, wanted: Mapping[str, Mapping[str, str]]) -> None:
        """From now on the parts of these names should have these environments; in this order. Also amid a roll."""
        self._wanted = wanted

    def step(self) -> None:
        """One look: start what is next, or let the old one go."""
        if self._pair is None:
            self._start_next()
            return
        old, new = self._pair
        if self.is_ready(new):
            self._pair = None
            self.parts.leave(old)
            _log.info("part_rolled", part=new.name)
        elif new.crashes or not new.is_running or self.parts.clock() - new.started_at > self.start_s:
            self._pair, self._wanted = None, {}
            self.parts.leave(new)
            _log.error("roll_given_up", part=new.name, why="it was not ready with the new settings; the old ones stay")

    def _start_next(self) -> None:
        for name, environment in self._wanted.items():
            for part in self.parts.running:
                if part.name == name and not part.is_leaving and part.environment != environment:
                    self._pair = part, self.parts.start(name, part.arguments, environment)
                    return
