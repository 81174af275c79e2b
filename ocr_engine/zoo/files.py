"""The files of one model on this machine: which format they are in, what they hash to, what their description says."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from ocr_engine.errors import ModelUnavailable
from ocr_engine.zoo.config import ModelConfig, read_config
from ocr_engine.zoo.registry import Format, Module

CONFIG_FILE = "inference.yml"
PARAMS_FILE = "inference.pdiparams"
MODEL_FILES = {
    Format.ONNX: "inference.onnx",
    Format.PADDLE_PIR: "inference.json",
    Format.PADDLE_LEGACY: "inference.pdmodel",
}


class Origin(StrEnum):
    """How the files came to be found."""

    DIRECTORY = "directory"
    CACHE = "cache"
    PACKAGE = "package"


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelFiles:
    """Where one model is. `params` belongs to the Paddle formats.

    sha256: of the file that holds the weights: `params` if there is one, else `model`.
    where: the folder or package, for people. variant: see `Package`.
    """

    name: str
    module: Module
    format: Format
    origin: Origin
    where: str
    model: Path
    params: Path | None
    sha256: str
    config: ModelConfig
    variant: str = ""

    @property
    def max_candidates(self) -> int:
        """Outlines that a detector looks at: as its inference.yml says, else as that of its generation does."""
        said = self.config.detection.max_candidates if self.config.detection else None
        return said or (3000 if self.name.startswith("PP-OCRv6") else 1000)

    @property
    def directory(self) -> Path:
        """The folder of the model file."""
        return self.model.parent

    @property
    def label(self) -> str:
        """`name@sha256`."""
        return f"{self.name}@{self.sha256}"

    @property
    def size_bytes(self) -> int:
        """Of the model file and its parameters."""
        return sum(path.stat().st_size for path in (self.model, self.params) if path)

    def read(self) -> bytes:
        """The weights, for a runtime that loads bytes. Raises: ModelUnavailable: changed since found."""
        path = self.params or self.model
        content = read_bytes(path, self.name)
        if hashlib.sha256(content).hexdigest() != self.sha256:
            raise ModelUnavailable(f"the weights of {self.name} at {path} changed while they were being loaded")
        return content


def find_in(directory: Path, formats: Sequence[Format]) -> tuple[Format, Path, Path | None] | None:
    """The first of the formats that a folder holds whole: its kind, model file and parameters.

    A folder without inference.onnx but with one other .onnx file counts as ONNX: some packages name it after the step.
    """
    params = directory / PARAMS_FILE
    for kind in formats:
        path = directory / MODEL_FILES[kind]
        if kind is Format.ONNX:
            others = sorted(directory.glob("*.onnx"))
            if not path.is_file() and len(others) == 1:
                path = others[0]
            if path.is_file():
                return kind, path, None
        elif path.is_file() and params.is_file():
            return kind, path, params
    return None


def config_in(directory: Path, name: str) -> ModelConfig:
    """What the folder's inference.yml says; without one, nothing. Raises: ModelUnavailable: it is another model's."""
    path = directory / CONFIG_FILE
    if not path.is_file():
        return ModelConfig()
    config = read_config(read_bytes(path, name), where=str(path))
    if config.model_name not in (None, name):
        raise ModelUnavailable(
            f"{path} belongs to {config.model_name}, not to {name}; name that model or choose another folder"
        )
    return config


def sha256_of(path: Path) -> str:
    """Hash a file without reading it whole. Raises: OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_bytes(path: Path, name: str) -> bytes:
    """The file's content. Raises: ModelUnavailable: it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelUnavailable(f"cannot read the files of {name} at {path}: {error.strerror}") from error
