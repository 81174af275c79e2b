"""Where the networks run: the name of one device, taken apart and checked."""

from __future__ import annotations

from dataclasses import dataclass

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
    """`cpu`, `gpu`, `gpu:1`, ...; None is the CPU, and a kind alone its first device.

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
