"""How the fleet knows a process."""

from __future__ import annotations

import os
import socket


def process_name(pid: int | None = None) -> str:
    """`host/pid` of a process on this machine, by default of this one."""
    return f"{socket.gethostname()}/{os.getpid() if pid is None else pid}"
