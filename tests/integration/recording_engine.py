"""A stand-in runtime that records where it is: the environment of its import, and the cores it may use.

OCRFLEET_WORKER_ENGINE=tests.integration.recording_engine:RecordingEngine
OCRFLEET_STAND_IN_DIR=folder    as for the stand-in engine; takes a record for each process
OCRFLEET_RECORDING_DEVICE=cpu   the device to be on, whatever it was told
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.faults.engine import DIR_VARIABLE, StandInEngine
from workers.fleet.pinning import VISIBLE

DEVICE_VARIABLE = "OCRFLEET_RECORDING_DEVICE"
_AT_IMPORT = dict(os.environ)  # a runtime reads it now, and not when it is used
_WATCHED = (*VISIBLE.values(), "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OCRFLEET_WORKER_DEVICE")


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """What one process found: `environment` at the import, `told` the device and threads of its constructor."""

    pid: int
    environment: dict[str, str]
    cores: list[int]
    told: list[str | int | None]


class RecordingEngine(StandInEngine):
    """The stand-in engine, on the device that it was told."""

    def __init__(self, *, device: str = "cpu", cpu_threads: int | None = None, desk: Path | None = None) -> None:
        super().__init__(device=os.environ.get(DEVICE_VARIABLE, device), cpu_threads=cpu_threads, desk=desk)
        record = Record(
            pid=os.getpid(),
            environment={name: _AT_IMPORT[name] for name in _WATCHED if name in _AT_IMPORT},
            cores=sorted(os.sched_getaffinity(0)),
            told=[device, cpu_threads],
        )
        path = (desk or Path(os.environ[DIR_VARIABLE])) / f"record-{os.getpid()}.json"
        path.write_text(json.dumps(asdict(record)))


def records(folder: Path) -> list[Record]:
    """Those of every process, as they started."""
    found = (json.loads(path.read_text()) for path in sorted(folder.glob("record-*.json")))
    return [Record(**record) for record in found]
