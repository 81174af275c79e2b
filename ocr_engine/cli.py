"""`ocrfleet ocr`: read files without a queue, with the reference's flags."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ocr_engine.errors import EngineError, InvalidRequest
from ocr_engine.options import DEPRECATED, PARAMETERS, SPELLINGS, OptionValue, Parameter

if TYPE_CHECKING:
    from ocr_engine.engine import OCREngine
    from ocr_engine.results import OCRResult

_EXIT_FAILED, _EXIT_USAGE = 1, 2
_TRUE, _FALSE = frozenset({"true", "yes", "t", "y", "1"}), frozenset({"false", "no", "f", "n", "0"})


def main() -> None:
    """`python -m ocr_engine`: this one command by itself."""
    typer.run(ocr)


# Any: typer calls it with the flags of `_signature`, checked by the table of options.
def ocr(**flags: Any) -> None:
    """Read an image, a PDF or a folder of them and print the text. No queue, no server."""
    source, save_path, as_json = flags.pop("input"), flags.pop("save_path"), flags.pop("json")
    try:
        with _build(flags) as engine:
            failed = _read(engine, source, save_path, as_json=as_json)
    except EngineError as error:
        _complain(error)
        raise typer.Exit(_EXIT_USAGE if isinstance(error, InvalidRequest) else _EXIT_FAILED) from error
    if failed:
        raise typer.Exit(_EXIT_FAILED)


def _build(flags: Mapping[str, OptionValue]) -> OCREngine:
    # Imported when the command runs: the networks' libraries take most of a second, and --help needs none of them.
    from ocr_engine.engine import OCREngine

    return OCREngine(**{name: value for name, value in flags.items() if value is not None})


def _read(engine: OCREngine, source: Path, save_path: Path | None, *, as_json: bool) -> bool:
    """Read every document; one that fails is complained about and the next is read. True: one failed.

    Raises: InvalidRequest: there is nothing to read at `source`.
    """
    from ocr_engine.sources import expand

    documents: list[dict[str, object]] = []
    failed = False
    for document in expand(source):
        try:
            for result in engine.predict_iter(document):
                _deliver(result, save_path, quiet=as_json)
                documents.append(result.json["res"] if as_json else {})
        except EngineError as error:
            failed = True
            _complain(error, at=document if source.is_dir() else None)
    if as_json:
        typer.echo(json.dumps(documents, ensure_ascii=False, indent=2))
    return failed


def _deliver(result: OCRResult, save_path: Path | None, *, quiet: bool) -> None:
    if not quiet:
        result.print()
    if save_path is not None:
        result.save_all(save_path)


def _complain(error: EngineError, *, at: object = None) -> None:
    where = f"{at}: " if at is not None else ""
    typer.echo(f"error [{error.code}]: {where}{error.message}", err=True)


def _signature() -> inspect.Signature:
    """The command's flags: the input, where to save, and one flag for every option in the table."""
    flags = [
        _flag("input", Path, "Image, PDF or folder.", "-i", "--input", default=inspect.Parameter.empty),
        _flag("save_path", Path | None, "Folder for the JSON and the drawings.", "--save_path"),
        inspect.Parameter(
            "json",
            inspect.Parameter.KEYWORD_ONLY,
            default=False,
            annotation=Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")],
        ),
    ]
    flags += [_option_flag(parameter) for parameter in PARAMETERS if parameter.kind is not dict]
    by_name = {parameter.name: parameter for parameter in PARAMETERS}
    for spelling, name in (SPELLINGS | DEPRECATED).items():
        flags.append(_option_flag(replace(by_name[name], name=spelling, help=f"The same as --{name}.")))
    return inspect.Signature(flags)


def _option_flag(parameter: Parameter) -> inspect.Parameter:
    name = f"--{parameter.name}"
    if parameter.kind is bool:
        # Takes a value, as in the reference: --use_doc_unwarping False. Typer gives a bool no value, hence str.
        option = typer.Option(name, help=parameter.help, parser=_truth, metavar="BOOL")
        return inspect.Parameter(
            parameter.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[str | None, option]
        )
    return _flag(parameter.name, parameter.kind | None, parameter.help, name)


def _flag(name: str, kind: object, text: str, *spellings: str, default: object = None) -> inspect.Parameter:
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=default,
        annotation=Annotated[kind, typer.Option(*spellings, help=text)],
    )


def _truth(text: str) -> bool:
    word = text.lower()
    if word not in _TRUE | _FALSE:
        raise typer.BadParameter(f"{text!r} is neither True nor False")
    return word in _TRUE


# Typer reads a command's flags from its signature; the table of options writes it, so that they cannot drift apart.
ocr.__dict__["__signature__"] = _signature()
ocr.__annotations__ = {flag.name: flag.annotation for flag in _signature().parameters.values()}
