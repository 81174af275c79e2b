"""The devices of one machine, found by their files without loading any runtime."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from producer.contract.names import kind_of

DEVICE = re.compile(r"(gpu|npu|xpu|mlu|dcu)(:\d{1,3})?|cpu")
DEVICE_DIR = Path("/dev")
# The file that each driver makes for each device, by number.
_FILES: Mapping[str, re.Pattern[str]] = MappingProxyType(
    {
        "gpu": re.compile(r"nvidia(\d+)"),
        "npu": re.compile(r"davinci(\d+)"),
        "xpu": re.compile(r"xpu(\d+)"),
        "mlu": re.compile(r"cambricon_dev(\d+)"),
        "dcu": re.compile(r"dri/renderD(\d+)"),
    }
)
_DCU_DRIVER = "kfd"  # render nodes alone may be any display's


def detect(device_dir: Path = DEVICE_DIR) -> list[str]:
    """The devices to run one node on each: accelerators by kind and number; without any, the CPU."""
    found = [f"{kind}:{index}" for kind in _FILES for index in range(count_of(kind, device_dir))]
    return found or ["cpu"]


def count_of(kind: str, device_dir: Path = DEVICE_DIR) -> int:
    """How many devices of a kind there are; they are numbered from 0."""
    if kind == "cpu":
        return 1
    if kind == "dcu" and not (device_dir / _DCU_DRIVER).exists():
        return 0
    paths = (str(path.relative_to(device_dir)) for path in device_dir.glob("dri/*" if kind == "dcu" else "*"))
    return sum(_FILES[kind].fullmatch(path) is not None for path in paths)


def exact(device: str) -> str:
    """The device by kind and number: `gpu` is the first of its kind."""
    return device if ":" in device or device == "cpu" else f"{kind_of(device)}:0"
