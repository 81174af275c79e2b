"""An engine that reads nothing: results drawn from the pixels, and whatever misbehaviour a page orders.

    OCRFLEET_WORKER_ENGINE=tests.faults.engine:StandInEngine
    OCRFLEET_STAND_IN_DIR=folder    needed: holds the log of pages read, and what is counted over processes

A file `override` in that folder, with a command as JSON, replaces the command of every page while it exists.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np

import ocr_engine
from ocr_engine import EngineError, EngineOptions, OCREngine, OCRResult, PredictOptions
from ocr_engine.profiles import settings_for
from ocr_engine.results import PageOrigin, build_result
from ocr_engine.types import Image, Line, PageReading, Reading
from tests.faults.commands import Command, command_on

DIR_VARIABLE = "OCRFLEET_STAND_IN_DIR"
LINES = 3  # of "text" on every page
MIB = 1 << 20
BALLOON_STEP_MIB = 16
_kept: list[bytearray] = []  # what pages leaked in this process


@dataclass(frozen=True, kw_only=True, slots=True)
class PageRead:
    """One call of the engine, as its log has it. `seconds`: monotonic, comparable between processes of one machine."""

    event: str  # "begin" or "end"
    pid: int
    page: str  # digest of the pixels
    seconds: float


class StandInEngine(OCREngine):
    """An OCREngine to whoever calls it. Deterministic: the same pixels give the same result, in every process."""

    def __init__(self, *, device: str = "cpu", cpu_threads: int | None = None, desk: Path | None = None) -> None:
        """Loads nothing, so the parent's constructor must not run.

        desk: the folder; None: that of the environment. Raises: KeyError: it is not set.
        """
        self.profile = "stand-in"
        self.models = {"text_recognition": "stand-in@0"}
        self.runtime = "stand-in"
        self.device = device
        self._desk = Desk(desk or Path(os.environ[DIR_VARIABLE]))

    def warm_up(self) -> None:
        """There is nothing to warm."""

    def predict_page(
        self,
        image: Image,
        *,
        input_path: str | None = None,
        page_index: int | None = None,
        options: PredictOptions | None = None,
    ) -> OCRResult:
        digest = hashlib.sha256(image.tobytes()).hexdigest()
        self._desk.note("begin", digest)
        command = self._desk.override() or command_on(image)
        if self._desk.takes_a_turn(command, digest):
            DEEDS[command.action](command)
        origin = PageOrigin(input_path=input_path, page_index=page_index)
        result = build_result(
            image, _reading(digest), settings_for(EngineOptions(), options or PredictOptions()), origin
        )
        self._desk.note("end", digest)
        return result

    def close(self) -> None:
        """There is nothing to free."""


class Desk:
    """The folder that a test and its engines share. Used from both sides."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._log = folder / "pages.log"
        self._override = folder / "override"

    def note(self, event: str, page: str) -> None:
        """One short append: whole and in order between processes."""
        with self._log.open("a") as log:
            log.write(f"{event} {os.getpid()} {page} {time.monotonic()}\n")

    def log(self) -> list[PageRead]:
        if not self._log.exists():
            return []
        fields = [line.split() for line in self._log.read_text().splitlines()]
        return [PageRead(event=e, pid=int(pid), page=page, seconds=float(s)) for e, pid, page, s in fields]

    def order(self, command: Command | None) -> None:
        """Let every page from now on do this; None: what is written on it."""
        if command is None:
            self._override.unlink(missing_ok=True)
            return
        draft = self._folder / "override.draft"
        draft.write_text(json.dumps(asdict(command)))
        draft.replace(self._override)

    def override(self) -> Command | None:
        try:
            return Command(**json.loads(self._override.read_text()))
        except FileNotFoundError:
            return None

    def takes_a_turn(self, command: Command, page: str) -> bool:
        """Whether the command is still due. Making a file that must not exist is atomic, and outlives the process."""
        for number in range(1, command.times + 1):
            try:
                (self._folder / f"{page}.{number}").touch(exist_ok=False)
            except FileExistsError:
                continue
            return True
        return command.times == 0


def _reading(digest: str) -> PageReading:
    """Lines of text made of the digest, one below the other."""
    lines = []
    for index in range(LINES):
        top, bottom = 4 + 12 * index, 12 + 12 * index
        polygon = np.array([[4, top], [90, top], [90, bottom], [4, bottom]], dtype=np.int16)
        text = digest[16 * index : 16 * index + 16]
        lines.append(Line(polygon=polygon, reading=Reading(text=text, score=int(text[:2], 16) / 255)))
    return PageReading(angle=0, polygons=tuple(line.polygon for line in lines), lines=tuple(lines), timings_ms={})


def _sleep(command: Command) -> None:
    time.sleep(command.amount)


def _spin(command: Command) -> None:
    # PyDLL keeps the interpreter's lock during the call; to other threads that is a busy loop in C.
    ctypes.PyDLL(None).usleep(int(command.amount * 1_000_000))


def _segfault(_: Command) -> None:
    ctypes.memset(0, 0, 1)


def _abort(_: Command) -> None:
    os.abort()


def _exit(command: Command) -> None:
    os._exit(int(command.amount))


def _sys_exit(_: Command) -> None:
    sys.exit("a page called sys.exit")


def _recurse(command: Command) -> None:
    _recurse(command)


def _memory_error(_: Command) -> None:
    raise MemoryError("a page asked for too much")


def _balloon(command: Command) -> None:
    _take(command.amount)


def _oom_kill(command: Command) -> None:
    held = _take(command.amount)
    os.kill(os.getpid(), signal.SIGKILL)
    held.clear()


def _leak(command: Command) -> None:
    _kept.extend(_take(command.amount))


def _fail(command: Command) -> None:
    raise next(error for error in _errors() if error.code == command.code)


def _take(size_mib: float) -> list[bytearray]:
    """Memory in steps; bytearray writes its zeros, so that it is really there. Raises: MemoryError at a limit."""
    steps = max(1, round(size_mib / BALLOON_STEP_MIB))
    return [bytearray(int(size_mib * MIB / steps)) for _ in range(steps)]


def _errors() -> list[type[EngineError]]:
    public = [getattr(ocr_engine, name) for name in ocr_engine.__all__]
    return [item for item in public if isinstance(item, type) and issubclass(item, EngineError)]


DEEDS: MappingProxyType[str, Callable[[Command], None]] = MappingProxyType(
    {
        "read": lambda _: None,
        "sleep": _sleep,
        "spin": _spin,
        "segfault": _segfault,
        "abort": _abort,
        "exit": _exit,
        "sys_exit": _sys_exit,
        "recursion": _recurse,
        "memory_error": _memory_error,
        "balloon": _balloon,
        "oom_kill": _oom_kill,
        "leak": _leak,
        "fail": _fail,
    }
)
