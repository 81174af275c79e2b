"""`ocrfleet ocr`: read files without a queue, with the reference's flags."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ocr_engine.errors import EngineError, InvalidRequest
from ocr_engine.options import DEPRECATED, PARAMETERS, SPELLINGS, OptionValue, Parameter

if TYPE_CHECKING:
    from ocr_engine.engine import OCREngine
    from ocr_engine.results import OCRResult

_EXIT_FAILED, _EXIT_USAGE = 1, 2
# Flags that are also settings of the system.
_VARIABLES = {
    "engine": "OCRFLEET_RUNTIME",
    "profile": "OCRFLEET_PROFILE",
    "model_cache_dir": "OCRFLEET_MODEL_DIR",
    "model_source": "OCRFLEET_MODEL_SOURCE",
}
_TRUE, _FALSE = frozenset({"true", "yes", "t", "y", "1"}), frozenset({"false", "no", "f", "n", "0"})


@dataclass(frozen=True, kw_only=True, slots=True)
class _Order:
    """The flags that are not the engine's."""

    input: str
    is_text: bool  # the text alone is printed
    pages: str | None
    text_layer: str | None
    save_path: Path | None
    outputs: str | None
    json: bool


def main() -> None:
    """`python -m ocr_engine`: this one command by itself."""
    typer.run(ocr)


# Any: typer calls it with the flags of `_signature`, checked by the table of options.
def ocr(**flags: Any) -> None:
    """Read an image, a PDF, a folder of them or a web address, and print each page's result as PaddleOCR prints it.

    `--json` prints JSON, `--outputs text` without a folder the text alone. No queue, no server.
    """
    try:
        order = _order(flags)
        with _build(flags) as engine:
            failed = _read(engine, order)
    except EngineError as error:
        _complain(error)
        raise typer.Exit(_EXIT_USAGE if isinstance(error, InvalidRequest) else _EXIT_FAILED) from error
    if failed:
        raise typer.Exit(_EXIT_FAILED)


def _order(flags: dict[str, Any]) -> _Order:
    """Take out the flags that are not the engine's. Raises: InvalidRequest."""
    named = [one for one in (flags.pop("document"), flags.pop("input")) if one is not None]
    asked = {name: flags.pop(name) for name in ("pages", "text_layer", "save_path", "outputs", "json")}
    if len(named) != 1:
        raise InvalidRequest("input: name one image, PDF, folder or address: `ocrfleet ocr page.png`, or -i page.png")
    has_nowhere = asked["outputs"] is not None and asked["save_path"] is None
    is_text = has_nowhere and asked["outputs"] == "text" and not asked["json"]
    if has_nowhere and not is_text:
        raise InvalidRequest("outputs: name the folder for them with --save_path; `text` alone is printed without one")
    return _Order(input=named[0], is_text=is_text, **asked)


def _build(flags: Mapping[str, OptionValue]) -> OCREngine:
    # Imported when the command runs: the networks' libraries take most of a second, and --help needs none of them.
    from ocr_engine.engine import OCREngine

    return OCREngine(**{name: value for name, value in flags.items() if value is not None})


def _read(engine: OCREngine, order: _Order) -> bool:
    """Read every document; one that fails is complained about and the next is read. True: one failed.

    An interrupt ends it between two files: each that is there is whole. Raises: InvalidRequest: there is nothing to
    read at the input, or the pages or outputs cannot be understood.
    """
    from ocr_engine.chosen_files import ChosenFiles, parse_outputs
    from ocr_engine.page_choice import PageChoice
    from ocr_engine.progress import page_bar
    from ocr_engine.sources import expand
    from ocr_engine.stems import Stems
    from ocr_engine.text_layer import TextLayer

    outputs, text_layer = parse_outputs(order.outputs), TextLayer.parse(order.text_layer)
    choice, documents, stems = PageChoice.parse(order.pages), list(expand(order.input)), Stems()
    if order.is_text and len(documents) > 1:
        raise InvalidRequest(f"outputs: name the folder for the texts of {len(documents)} documents with --save_path")
    files = ChosenFiles(order.save_path, outputs, engine=engine.profile) if order.save_path is not None else None
    printer = _Printer(order)
    failed = False
    with page_bar(documents, choice) as advance:
        for document in documents:
            try:
                for result in engine.predict_iter(document, pages=order.pages, stems=stems, text_layer=text_layer):
                    printer.add(result)
                    if files is not None:
                        files.add(result)
                    advance()
                if files is not None:
                    files.end_document(str(document))
            except EngineError as error:
                failed = True
                _complain(error, at=document if Path(order.input).is_dir() else None)
    printer.finish()
    return failed


class _Printer:
    """Prints the pages: as the reference does, as one JSON document at the end, or their text alone."""

    def __init__(self, order: _Order) -> None:
        self._order = order
        self._read: list[dict[str, object]] = []

    def add(self, result: OCRResult) -> None:
        if self._order.json:
            self._read.append({**result.json["res"], "original": result.original})
        elif self._order.is_text:
            page = result.page_text((result["page_index"] or 0) + 1)
            typer.echo("".join(f"{line.text}\n" for line in page.lines), nl=False)
        else:
            result.print()

    def finish(self) -> None:
        if self._order.json:
            typer.echo(json.dumps(self._read, ensure_ascii=False, indent=2))


def _complain(error: EngineError, *, at: object = None) -> None:
    where = f"{at}: " if at is not None else ""
    typer.echo(f"error [{error.code}]: {where}{error.message}", err=True)


def _signature() -> inspect.Signature:
    """The command's flags: the input, where to save, and one flag for every option in the table."""
    flags = [
        inspect.Parameter(
            "document",
            inspect.Parameter.KEYWORD_ONLY,
            default=None,
            annotation=Annotated[
                str | None,
                typer.Argument(metavar="INPUT", help="Image, PDF, folder, or web address of a document."),
            ],
        ),
        _flag("input", str | None, "The same, as the reference's flag.", "-i", "--input"),
        _flag("pages", str | None, "Pages of each document, from 1: 1-3,7. Default: all.", "--pages"),
        _flag(
            "text_layer",
            str | None,
            "A PDF's own text: ignore (default), auto (taken where it is sound) or only.",
            "--text_layer",
        ),
        _flag("save_path", Path | None, "Folder for the JSON and the drawings.", "--save_path"),
        _flag(
            "outputs",
            str | None,
            "What to save: json,text,hocr,alto,pdf,image, or some of them. Default: json,image. "
            "`text` without --save_path is printed.",
            "--outputs",
        ),
        _flag("paddlex_config", Path | None, "A pipeline's YAML file, for what no flag says.", "--paddlex_config"),
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
    kind = tuple[int, int, int] if parameter.kind is tuple else parameter.kind
    return _flag(parameter.name, kind | None, parameter.help, name, envvar=_VARIABLES.get(parameter.name))


def _flag(name: str, kind: object, text: str, *spellings: str, envvar: str | None = None) -> inspect.Parameter:
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[kind, typer.Option(*spellings, help=text, envvar=envvar)],
    )


def _truth(text: str) -> bool:
    word = text.lower()
    if word not in _TRUE | _FALSE:
        raise typer.BadParameter(f"{text!r} is neither True nor False")
    return word in _TRUE


# Typer reads a command's flags from its signature; the table of options writes it, so that they cannot drift apart.
ocr.__dict__["__signature__"] = _signature()
ocr.__annotations__ = {flag.name: flag.annotation for flag in _signature().parameters.values()}
