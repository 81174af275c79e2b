"""The folder that downloaded models are kept in: its layout, the lock of a model, and the record of what came.

<folder>/<repository>/              the files of one model in one format, with the record
<folder>/.part/<repository>/<host>/ what of it has come so far
<folder>/.lock/<repository>         held by the process that downloads it
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ocr_engine.errors import ModelUnavailable
from ocr_engine.zoo.files import sha256_of
from ocr_engine.zoo.registry import Format

RECORD_FILE = "download.json"
_LOCK_POLL_S = 0.1


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """Where a model came from, and file name to SHA-256 as it came."""

    source: str
    sha256: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Cache:
    """A folder of downloaded models, shared by the processes of a machine."""

    folder: Path

    def directory(self, repository: str) -> Path:
        """Where a model is or would be."""
        return self.folder / repository

    def part(self, repository: str, host: str) -> Path:
        """Where it is gathered while it is being downloaded from a host."""
        return self.folder / ".part" / repository / host

    def record(self, repository: str) -> Record | None:
        """What was written when it came; None: put there by hand."""
        try:
            data = json.loads((self.directory(repository) / RECORD_FILE).read_text(encoding="utf-8"))
            return Record(source=str(data["source"]), sha256={str(k): str(v) for k, v in data["sha256"].items()})
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None

    def damage(self, repository: str) -> str | None:
        """Hash every file against the record and say what is wrong; None: nothing is, or there is no record."""
        record = self.record(repository)
        for name, expected in record.sha256.items() if record else ():
            try:
                found = sha256_of(self.directory(repository) / name)
            except OSError as error:
                return f"{name}: {error.strerror}"
            if found != expected:
                return f"{name} is damaged (SHA-256 {found[:12]}…, expected {expected[:12]}…)"
        return None

    def store(self, repository: str, ready: Path, source: str) -> Path:
        """Move a complete folder into its place with its record; what was there moves away first. Hold the lock.

        Raises: OSError.
        """
        files = sorted(path for path in ready.iterdir() if path.is_file())
        record = {"source": source, "sha256": {path.name: sha256_of(path) for path in files}}
        (ready / RECORD_FILE).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
        for path in (*files, ready / RECORD_FILE):
            _flush(path)
        target = self.directory(repository)
        if target.exists():
            old = ready.with_name(ready.name + ".old")
            shutil.rmtree(old, ignore_errors=True)
            target.rename(old)
        ready.rename(target)
        shutil.rmtree(self.folder / ".part" / repository, ignore_errors=True)
        return target

    @contextmanager
    def locked(self, repository: str, *, timeout_s: float) -> Iterator[None]:
        """Only one process, and one thread, at a time. The system frees the lock of a process that dies.

        Raises: ModelUnavailable: another held it all that time; OSError: the folder cannot be written.
        """
        path = self.folder / ".lock" / repository
        path.parent.mkdir(parents=True, exist_ok=True)
        give_up_at = time.monotonic() + timeout_s
        with path.open("a") as file:
            while not _try_lock(file.fileno()):
                if time.monotonic() > give_up_at:
                    raise ModelUnavailable(
                        f"another process has been downloading {repository} for {timeout_s:.0f} s; try again later"
                    )
                time.sleep(_LOCK_POLL_S)
            yield


def repository_of(name: str, kind: Format) -> str:
    """The official repository of a model in a format, which is also its folder's name."""
    return f"{name}_onnx" if kind is Format.ONNX else name


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _flush(path: Path) -> None:
    """To the disk, so that a power cut after the move leaves no empty file under a good name."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
