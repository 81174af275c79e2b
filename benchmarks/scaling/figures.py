"""What is measured: pages a second and processor time, of so many processes with a core each."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field

import psutil

QUIET_SHARE = 0.03  # of a machine's processor time that others may take before ratios say little


@dataclass(frozen=True, kw_only=True, slots=True)
class Figures:
    """processor_s_a_page: of the processes that read. others_: of all that works for them, which is Redis, the io
    worker, the nodes' main processes and the producer. elsewhere_share: of the machine's time, taken by strangers."""

    processes: int
    pages_per_s: float
    processor_s_a_page: float
    elsewhere_share: float
    others_processor_s_a_page: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Strangers:
    """How much of the machine others take, from now on."""

    _began_s: float = field(default_factory=time.monotonic)
    _busy_s: float = field(default_factory=lambda: _machine_busy_s())

    def share(self, ours_s: float) -> float:
        """Of all cores' time since then, what was used and was not our `ours_s`."""
        available_s = (time.monotonic() - self._began_s) * (os.cpu_count() or 1)
        return max(0.0, (_machine_busy_s() - self._busy_s - ours_s) / available_s)


def _machine_busy_s() -> float:
    times = psutil.cpu_times()
    return sum(times) - times.idle - times.iowait - times.guest - times.guest_nice  # guests are in `user` already
