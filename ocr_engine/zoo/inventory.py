"""What of the zoo is on this machine, and how far it can be trusted."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ocr_engine.zoo.cache import repository_of
from ocr_engine.zoo.files import ModelFiles, Origin
from ocr_engine.zoo.registry import Format, Model
from ocr_engine.zoo.resolve import Zoo


class HashState(StrEnum):
    """What the SHA-256 of a copy was compared with, and found equal to."""

    REGISTERED = "registered"
    RECORDED = "recorded"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True, slots=True)
class Copy:
    """One copy of a model on this machine."""

    files: ModelFiles
    state: HashState
    source: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One model: its copies, and what is wrong with other copies."""

    model: Model
    copies: tuple[Copy, ...]
    problems: tuple[str, ...]


def look_up(zoo: Zoo, model: Model) -> Entry:
    """Find and hash every copy of the model."""
    problems: list[str] = []
    copies = tuple(_copy(zoo, model, files) for files in zoo.everywhere(model, problems))
    return Entry(model=model, copies=copies, problems=tuple(problems))


def _copy(zoo: Zoo, model: Model, files: ModelFiles) -> Copy:
    record = zoo.cache.record(repository_of(model.name, files.format)) if files.origin is Origin.CACHE else None
    known = {file.sha256 for file in model.known} if files.format is Format.ONNX else set()
    if files.origin is Origin.PACKAGE or files.sha256 in known:
        state = HashState.REGISTERED
    else:
        state = HashState.RECORDED if record else HashState.UNKNOWN
    return Copy(files=files, state=state, source=record.source if record else None)
