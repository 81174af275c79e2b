"""Where the networks run: the name of one device, taken apart and checked."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ocr_engine.errors import DeviceUnavailable, InvalidRequest

# Those of the reference.
KINDS = ("cpu", "gpu", "xpu", "npu", "mlu", "gcu", "dcu", "iluvatar_gpu", "metax_gpu")


@dataclass(frozen=True, kw_only=True, slots=True)
class Device:
    """One device. `index` counts from 0 among those of its kind; the CPU is one device, with index 0."""

    kind: str
    index: int = 0

    def __str__(self) -> str:
        """The name it is chosen by: `cpu`, `gpu:0`."""
        return self.kind if self.kind == "cpu" else f"{self.kind}:{self.index}"


def parse_device(name: str | None) -> Device:
    """`cpu`, `gpu`, `gpu:1`, ...; a kind alone is its first device. None is the CPU, if nothing better is known.

    Raises: InvalidRequest: malformed, or a list; DeviceUnavailable: a kind that nobody knows, or a numbered CPU.
    """
    kind, colon, index = (name or "cpu").lower().partition(":")
    if "," in index:
        raise InvalidRequest(f"device={name!r} names several devices; one engine is one device: build one for each")
    if kind not in KINDS:
        raise DeviceUnavailable(f"device={name!r} is not known; choose one of {', '.join(KINDS)}")
    if not colon:
        return Device(kind=kind)
    if kind == "cpu":
        raise DeviceUnavailable(f"device={name!r}: the CPU has no number; choose device='cpu', and cpu_threads")
    if not (index.isascii() and index.isdigit()):
        raise InvalidRequest(f"device={name!r} must end in a whole number, as in {kind}:0")
    return Device(kind=kind, index=int(index))


def shows_gpu(devices: Path = Path("/dev"), environment: Mapping[str, str] = os.environ) -> bool:
    """Whether this machine has a GPU of NVIDIA's that is not hidden from this process. No library is loaded."""
    is_hidden = environment.get("CUDA_VISIBLE_DEVICES") in ("", "-1")
    return not is_hidden and any(devices.glob("nvidia[0-9]*"))
