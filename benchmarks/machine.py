"""The machine that figures are of."""

from __future__ import annotations

import os
import platform
from pathlib import Path


def machine() -> str:
    """The processor, its cores, what runs on it, and how busy it is with other things, in one line."""
    info = Path("/proc/cpuinfo")
    text = info.read_text(encoding="utf-8") if info.exists() else ""
    fields = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    named = {name.strip(): value.strip() for name, value in fields.items()}
    flags = named.get("flags", "").split()
    known = [flag for flag in ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16") if flag in flags]
    model = named.get("model name", platform.processor() or platform.machine())
    processors = f"{model}, {text.count('processor')} processors, {' '.join(known)}"
    # Over the last fifteen minutes, which is about the run: above the processors in use, wall times mean little.
    busy = f"load {os.getloadavg()[2]:.1f}"
    return f"{processors}; {platform.platform()}; Python {platform.python_version()}; {busy}"
