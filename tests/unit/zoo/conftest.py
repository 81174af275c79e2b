"""Installed packages that carry models, made for the test."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from ocr_engine import OCREngine
from ocr_engine.zoo.registry import Format, KnownFile, Model, Package

MakePackage = Callable[..., Package]


@pytest.fixture(scope="session")
def engine() -> Iterator[OCREngine]:
    """An engine with the models it has by itself."""
    with OCREngine(cpu_threads=2) as loaded:
        yield loaded


def known(path: str, content: bytes) -> KnownFile:
    return KnownFile(path=path, size_bytes=len(content), sha256=sha256(content).hexdigest())


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakePackage:
    """Make and "install" a package: its name, format, and content by role."""
    site = tmp_path / "site"
    monkeypatch.syspath_prepend(str(site))

    def make(name: str, kind: Format, *, is_whole: bool = False, **contents: bytes) -> Package:
        files = {}
        for role, content in contents.items():
            path = site / name / role
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            files[role] = known(role, content)
        # Importing it would be an error: packages of weights may be whole engines.
        (site / name / "__init__.py").write_text("raise RuntimeError('imported')\n")
        sys.path_importer_cache.clear()
        return Package(
            distribution=name,
            import_name=name,
            version="1.0",
            format=kind,
            model=files["model"],
            params=files.get("params"),
            config=files.get("config"),
            dictionary=files.get("dictionary"),
            dictionary_is_whole=is_whole,
        )

    return make


def with_packages(model: Model, *packages: Package) -> Model:
    return replace(model, packages=packages)
