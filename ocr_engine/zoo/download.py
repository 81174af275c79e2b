"""Bring one model from the official hosts into the cache: whole, checked, and once however many ask."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from ocr_engine.errors import InvalidRequest, ModelUnavailable
from ocr_engine.zoo.cache import Cache, repository_of
from ocr_engine.zoo.fetch import Fetcher, FetchFailed, Limits
from ocr_engine.zoo.files import CONFIG_FILE, MODEL_FILES, PARAMS_FILE, config_in, find_in, sha256_of
from ocr_engine.zoo.registry import Format, Host, Model, registry
from ocr_engine.zoo.unpack import UnsafeArchive, unpack

OFFLINE = "offline"

_ARCHIVE = "archive.tar"
_READY = "ready"
# The largest official model has 205 MB.
_MAX_UNPACKED_BYTES = 1 << 30


def hosts_for(source: str | None) -> tuple[Host, ...]:
    """The hosts in the order they are tried.

    source: the name of a host to try first; "offline" for none; or the address of a mirror, with {repository} and
    {file} in it, or ending in .tar with {repository} alone, which is tried first. Raises: InvalidRequest: another word.
    """
    hosts = registry().hosts
    if source is None:
        return hosts
    if source == OFFLINE:
        return ()
    if source.startswith(("https://", "http://")) and source.count("{repository}") == 1:
        if source.endswith(".tar") != (source.count("{file}") == 1):
            return (Host(name="mirror", url=source, is_archive=source.endswith(".tar")), *hosts)
    elif source in [host.name for host in hosts]:
        return tuple(sorted(hosts, key=lambda host: host.name != source))
    known = ", ".join(host.name for host in hosts)
    raise InvalidRequest(
        f"model_source={source!r} must be {known}, {OFFLINE}, or an address with {{repository}} and {{file}} in it"
    )


def download(
    model: Model, kind: Format, *, cache: Cache, hosts: Sequence[Host], limits: Limits, force: bool = False
) -> Path:
    """The model's folder in the cache, brought there from the first host that gives it whole and undamaged.

    Returns at once when another process brought it meanwhile; `force`: bring it again all the same. Safe to repeat, and
    to interrupt: what has come is continued. Raises: ModelUnavailable with what was tried and what to do by hand.
    """
    repository = repository_of(model.name, kind)
    try:
        # Twice: the one before us may need all its time and fail, and then it is our turn.
        with cache.locked(repository, timeout_s=2 * limits.total_s):
            here = cache.directory(repository)
            if not force and find_in(here, _kinds(kind)) and cache.damage(repository) is None:
                return here
            return _from_first_host(model, kind, cache, hosts, limits)
    except OSError as error:
        raise ModelUnavailable(
            f"cannot write {repository} to the cache {cache.folder}: {error.strerror or error}; choose another "
            "model_cache_dir"
        ) from error


def _by_hand(model: Model, kind: Format, cache: Cache) -> str:
    """What a person can do where no host is reachable."""
    repository = repository_of(model.name, kind)
    files = " and ".join(_file_names(kind))
    first = registry().hosts[0].address(repository)
    return (
        f"put {files} (from {first}) into {cache.directory(repository)}, or name their folder as the model's _model_dir"
    )


def _from_first_host(model: Model, kind: Format, cache: Cache, hosts: Sequence[Host], limits: Limits) -> Path:
    repository = repository_of(model.name, kind)
    tried: list[str] = []
    reason: str | None
    with Fetcher(limits) as fetcher:
        for host in hosts:
            part = cache.part(repository, host.name)
            try:
                ready = _gather(fetcher, host, repository, kind, part)
            except FetchFailed as error:
                tried.append(f"{host.name}: {error}")
                continue
            except UnsafeArchive as error:
                reason = str(error)
            else:
                reason = _objection(model, kind, ready)
                if reason is None:
                    return cache.store(repository, ready, host.address(repository))
            # What came is wrong, so there is nothing to continue.
            shutil.rmtree(part, ignore_errors=True)
            tried.append(f"{host.name}: {reason}")
    told = "; ".join(tried) or "no host (offline)"
    raise ModelUnavailable(
        f"cannot download {repository}; tried {told}. To do it by hand, {_by_hand(model, kind, cache)}"
    )


def _gather(fetcher: Fetcher, host: Host, repository: str, kind: Format, part: Path) -> Path:
    """Everything the host has of the model, in one folder. Raises: FetchFailed, UnsafeArchive, OSError."""
    ready = part / _READY
    ready.mkdir(parents=True, exist_ok=True)
    if not host.is_archive:
        # The description first: it is small, and a host without the model is found out by it.
        for name in reversed(_file_names(kind)):
            url = host.address(repository, name)
            fetcher.fetch(url, ready / name)
        return ready
    archive = part / _ARCHIVE
    fetcher.fetch(host.address(repository), archive)
    wanted = {*_file_names(kind), *(MODEL_FILES[one] for one in _kinds(kind))}
    unpack(archive, ready, wanted=wanted, max_bytes=_MAX_UNPACKED_BYTES)
    return ready


def _objection(model: Model, kind: Format, ready: Path) -> str | None:
    """Why these are not the files of the model; None: they are, as far as can be known."""
    if find_in(ready, _kinds(kind)) is None:
        return f"it has no {MODEL_FILES[kind]}"
    for known in model.known if kind is Format.ONNX else ():
        found = sha256_of(ready / known.path)
        if found != known.sha256:
            return f"{known.path} is not the published one (SHA-256 {found[:12]}…, expected {known.sha256[:12]}…)"
    try:
        config_in(ready, model.name)
    except ModelUnavailable as error:
        return error.message
    return None


def _file_names(kind: Format) -> tuple[str, ...]:
    if kind is Format.ONNX:
        return MODEL_FILES[kind], CONFIG_FILE
    return MODEL_FILES[kind], PARAMS_FILE, CONFIG_FILE


def _kinds(kind: Format) -> tuple[Format, ...]:
    """The formats that one repository may hold: the archives of old models have inference.pdmodel."""
    return (kind,) if kind is Format.ONNX else (Format.PADDLE_PIR, Format.PADDLE_LEGACY)
