"""Find a model on this machine, or bring it here, and prove that it is the right one."""

from __future__ import annotations

import dataclasses
import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ocr_engine.errors import ModelUnavailable
from ocr_engine.zoo.cache import Cache, repository_of
from ocr_engine.zoo.config import ModelConfig, read_config, read_dictionary
from ocr_engine.zoo.download import download, hosts_for
from ocr_engine.zoo.fetch import Limits
from ocr_engine.zoo.files import MODEL_FILES, ModelFiles, Origin, config_in, find_in, read_bytes, sha256_of
from ocr_engine.zoo.registry import Format, Host, KnownFile, Model, Package

PADDLE = (Format.PADDLE_PIR, Format.PADDLE_LEGACY)


def default_cache_dir() -> Path:
    """`~/.cache/ocrfleet/models`."""
    return Path.home() / ".cache" / "ocrfleet" / "models"


@dataclass(frozen=True, kw_only=True, slots=True)
class Zoo:
    """Where models are looked for: a folder of your own, the cache, installed packages, the official hosts.

    paddlex_cache_dir: a cache of PaddleX, read and never written. hosts: in the order they are tried; empty: offline.
    Safe from several threads and processes.
    """

    cache: Cache
    hosts: Sequence[Host]
    paddlex_cache_dir: Path | None = None
    limits: Limits = field(default_factory=Limits)

    @classmethod
    def at(
        cls, cache_dir: str | Path | None, source: str | None = None, *, paddlex_cache_dir: Path | None = None
    ) -> Zoo:
        """The zoo of a cache folder and a `model_source`. Raises: InvalidRequest: no such source."""
        folder = Path(cache_dir).expanduser() if cache_dir is not None else default_cache_dir()
        return cls(cache=Cache(folder), hosts=hosts_for(source), paddlex_cache_dir=paddlex_cache_dir)

    def resolve(
        self, model: Model, *, directory: Path | None = None, formats: Sequence[Format] = (Format.ONNX,)
    ) -> ModelFiles:
        """The model's files in the first of the formats that can be had: here if they are here, else downloaded.

        A directory of your own is trusted and its hash reported; everything else must hash to what is registered or was
        recorded. Raises: ModelUnavailable with everywhere it was looked for.
        """
        if directory is not None:
            return _in_directory(model, directory, formats)
        missed: list[str] = []
        found = self.local(model, formats, missed)
        if found is not None:
            return found
        kind = next((kind for kind in formats if kind in model.official), None)
        if kind is None:
            wanted, offered = " or ".join(formats), " or ".join(model.official) or "nothing"
            missed.append(f"its publisher offers {offered}, and this engine reads {wanted}")
        else:
            try:
                return self.download(model, kind)
            except ModelUnavailable as error:
                missed.append(error.message)
        raise ModelUnavailable(f"{model.name} is not here: {'; '.join(missed)}{_advice(model, formats)}")

    def local(self, model: Model, formats: Sequence[Format], missed: list[str] | None = None) -> ModelFiles | None:
        """The model if it is in the cache or in a package; why each place was passed over is added to `missed`."""
        missed = [] if missed is None else missed
        for kind in formats:
            found = self._cached(model, kind, missed) or self._from_paddlex(model, kind, missed)
            if found is not None:
                return found
        return next((files for kind in formats if (files := _packaged(model, kind, missed))), None)

    def everywhere(self, model: Model, missed: list[str]) -> list[ModelFiles]:
        """Every copy of the model on this machine, in all formats; what is wrong with others is added to `missed`."""
        found = []
        for kind in model.formats:
            for look in (self._cached, self._from_paddlex, _packaged):
                try:
                    files = look(model, kind, missed)
                except ModelUnavailable as error:
                    missed.append(error.message)
                else:
                    found += [files] if files else []
        return found

    def download(self, model: Model, kind: Format, *, force: bool = False) -> ModelFiles:
        """Bring the model into the cache. Raises: ModelUnavailable."""
        folder = download(model, kind, cache=self.cache, hosts=self.hosts, limits=self.limits, force=force)
        return _in_directory(model, folder, (kind,) if kind is Format.ONNX else PADDLE, Origin.CACHE)

    def _cached(self, model: Model, kind: Format, missed: list[str]) -> ModelFiles | None:
        repository = repository_of(model.name, kind)
        folder = self.cache.directory(repository)
        if find_in(folder, (kind,)) is None:
            return None
        damage = self.cache.damage(repository)
        if damage is not None:
            missed.append(f"the cache's {folder}/{damage}")
            return None
        return _in_directory(model, folder, (kind,), Origin.CACHE)

    def _from_paddlex(self, model: Model, kind: Format, _missed: list[str]) -> ModelFiles | None:
        if self.paddlex_cache_dir is None:
            return None
        for name in (repository_of(model.name, kind), model.name):
            folder = self.paddlex_cache_dir / "official_models" / name
            if find_in(folder, (kind,)) is not None:
                return _in_directory(model, folder, (kind,))
        return None


def _in_directory(
    model: Model, directory: Path, formats: Sequence[Format], origin: Origin = Origin.DIRECTORY
) -> ModelFiles:
    found = find_in(directory, formats)
    if found is None:
        wanted = " or ".join(MODEL_FILES[kind] for kind in formats)
        raise ModelUnavailable(f"the folder {directory} of {model.name} has no {wanted}")
    kind, path, params = found
    try:
        digest = sha256_of(params or path)
    except OSError as error:
        raise ModelUnavailable(f"cannot read the files of {model.name} at {directory}: {error.strerror}") from error
    return ModelFiles(
        name=model.name,
        module=model.module,
        format=kind,
        origin=origin,
        where=str(directory),
        model=path,
        params=params,
        sha256=digest,
        config=config_in(directory, model.name),
    )


def _packaged(model: Model, kind: Format, missed: list[str]) -> ModelFiles | None:
    """From the first installed package whose files are whole. Packages are found, never imported: some are engines."""
    for package in model.packages:
        folder = _package_folder(package) if package.format is kind else None
        if folder is None:
            continue
        damage = _package_damage(package, folder)
        if damage is not None:
            missed.append(f"{damage}; run pip install --force-reinstall {package.requirement}")
            continue
        return ModelFiles(
            name=model.name,
            module=model.module,
            format=kind,
            origin=Origin.PACKAGE,
            where=package.requirement,
            model=folder / package.model.path,
            params=folder / package.params.path if package.params else None,
            sha256=(package.params or package.model).sha256,
            config=_package_config(package, folder, model.name),
            variant=package.variant,
        )
    return None


def _package_folder(package: Package) -> Path | None:
    spec = importlib.util.find_spec(package.import_name)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        if (Path(folder) / package.model.path).is_file():
            return Path(folder)
    return None


def _package_damage(package: Package, folder: Path) -> str | None:
    for file in (package.model, package.params, package.config, package.dictionary):
        damage = _file_damage(file, folder) if file else None
        if damage is not None:
            return damage
    return None


def _file_damage(file: KnownFile, folder: Path) -> str | None:
    try:
        digest = sha256_of(folder / file.path)
    except OSError as error:
        return f"{folder / file.path}: {error.strerror}"
    if digest == file.sha256:
        return None
    return f"{folder / file.path} is damaged or altered (SHA-256 {digest[:12]}…, expected {file.sha256[:12]}…)"


def _package_config(package: Package, folder: Path, name: str) -> ModelConfig:
    config = ModelConfig()
    if package.config is not None:
        path = folder / package.config.path
        config = read_config(read_bytes(path, name), where=str(path))
    if package.dictionary is not None:
        path = folder / package.dictionary.path
        characters = read_dictionary(read_bytes(path, name), is_whole=package.dictionary_is_whole, where=str(path))
        config = dataclasses.replace(config, characters=characters)
    return config


def _advice(model: Model, formats: Sequence[Format]) -> str:
    package = next((package for package in model.packages if package.format in formats), None)
    return f". It also comes with: pip install {package.requirement}" if package else ""
