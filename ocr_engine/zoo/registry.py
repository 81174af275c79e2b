"""Every model the engine knows, read from `models.toml`: names, where each is published, what it hashes to."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Any

from ocr_engine.errors import InvalidRequest


class Module(StrEnum):
    """One step of the pipeline that has a network."""

    DOC_ORIENTATION = "doc_orientation"
    DOC_UNWARPING = "doc_unwarping"
    TEXT_DETECTION = "text_detection"
    TEXTLINE_ORIENTATION = "textline_orientation"
    TEXT_RECOGNITION = "text_recognition"


class Format(StrEnum):
    """How the weights are written: ONNX, Paddle 3's inference.json, or Paddle 2's inference.pdmodel."""

    ONNX = "onnx"
    PADDLE_PIR = "paddle_pir"
    PADDLE_LEGACY = "paddle_legacy"


@dataclass(frozen=True, kw_only=True, slots=True)
class KnownFile:
    """A file whose content is certain. `path` is relative to the package, or to the official repository."""

    path: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Package:
    """An installed Python package that carries a model. `params` belongs to the Paddle formats.

    dictionary_is_whole: the dictionary file also lists the blank first and the space last.
    variant: "grid" for a UVDoc that returns its sampling grid; else "".
    """

    distribution: str
    import_name: str
    version: str
    format: Format
    model: KnownFile
    params: KnownFile | None = None
    config: KnownFile | None = None
    dictionary: KnownFile | None = None
    dictionary_is_whole: bool = False
    variant: str = ""

    @property
    def requirement(self) -> str:
        """What pip installs."""
        return f"{self.distribution}=={self.version}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Model:
    """One model. `official`: the formats its publisher offers; `known`: files of the official ONNX repository.

    size_mb: as the reference states it; None: it does not. languages: codes a recogniser reads; empty: any.
    """

    name: str
    module: Module
    official: tuple[Format, ...]
    is_default: bool
    languages: tuple[str, ...]
    size_mb: float | None
    known: tuple[KnownFile, ...]
    packages: tuple[Package, ...]

    @property
    def formats(self) -> tuple[Format, ...]:
        """Every format there is a way to get."""
        packaged = {package.format for package in self.packages}
        return tuple(kind for kind in Format if kind in self.official or kind in packaged)


@dataclass(frozen=True, kw_only=True, slots=True)
class Host:
    """A place that publishes models. `url` has {repository} and, where `is_archive` is false, {file}."""

    name: str
    url: str
    is_archive: bool

    def address(self, repository: str, file: str = "") -> str:
        """Where a file of a model is, or its archive."""
        return self.url.replace("{repository}", repository).replace("{file}", file)


@dataclass(frozen=True, kw_only=True, slots=True)
class Registry:
    """What `models.toml` says."""

    models: tuple[Model, ...]
    hosts: tuple[Host, ...]
    language_groups: Mapping[str, tuple[str, ...]]


@cache
def registry() -> Registry:
    """The data file, read at first use and kept: it cannot change while the program runs."""
    text = resources.files("ocr_engine.zoo").joinpath("models.toml").read_text(encoding="utf-8")
    data = tomllib.loads(text)
    groups = {name: tuple(codes) for name, codes in data["languages"].items()}
    return Registry(
        models=tuple(_model(row, groups) for row in data["model"]),
        hosts=tuple(Host(name=row["name"], url=row["url"], is_archive=row["kind"] == "tar") for row in data["source"]),
        language_groups=groups,
    )


def names(module: Module) -> tuple[str, ...]:
    """The official names of the models of one module, the default first."""
    models = [model for model in registry().models if model.module is module]
    return tuple(model.name for model in sorted(models, key=lambda model: not model.is_default))


def find(module: Module, name: str | None) -> Model:
    """The named model, or the module's default. Raises: InvalidRequest: the module has no such model."""
    for model in registry().models:
        if model.module is module and (model.name == name or (name is None and model.is_default)):
            return model
    raise InvalidRequest(f"{module}_model_name={name!r} is no model of the zoo; it has {', '.join(names(module))}")


def by_name(name: str) -> Model:
    """The model of that name, whatever its module. Raises: InvalidRequest: there is none."""
    for model in registry().models:
        if model.name == name:
            return model
    raise InvalidRequest(f"{name!r} is no model of the zoo; `ocrfleet models list` names them all")


# Any: rows of TOML. The file ships with this code and the tests read every row of it.
def _model(row: dict[str, Any], groups: Mapping[str, tuple[str, ...]]) -> Model:
    return Model(
        name=row["name"],
        module=Module(row["module"]),
        official=tuple(Format(name) for name in row["official"]),
        is_default=row.get("default", False),
        languages=tuple(_expand(row.get("languages", []), groups)),
        size_mb=row.get("size_mb"),
        known=tuple(KnownFile(path=path, **file) for path, file in row.get("known", {}).items()),
        packages=tuple(_package(package) for package in row.get("package", [])),
    )


def _expand(codes: list[str], groups: Mapping[str, tuple[str, ...]]) -> list[str]:
    return [one for code in codes for one in (groups[code[1:]] if code.startswith("@") else (code,))]


# Any: as above.
def _package(row: dict[str, Any]) -> Package:
    def file(key: str) -> KnownFile | None:
        return KnownFile(**row[key]) if key in row else None

    return Package(
        distribution=row["distribution"],
        import_name=row["import_name"],
        version=row["version"],
        format=Format(row["format"]),
        model=KnownFile(**row["model"]),
        params=file("params"),
        config=file("config"),
        dictionary=file("dictionary"),
        dictionary_is_whole=row.get("dictionary_is_whole", False),
        variant=row.get("variant", ""),
    )
