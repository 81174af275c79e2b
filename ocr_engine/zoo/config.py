"""The `inference.yml` beside a model's weights: what it says about preparing the input and reading the output."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeAlias

from ocr_engine.errors import ModelUnavailable

# The largest official file, with a dictionary of 18,708 entries, has 170 KB.
_MAX_BYTES = 8 << 20
# Quotients only, such as 1./255.; the reference gives this text to eval().
_QUOTIENT = re.compile(r"\s*([0-9.eE+-]+)\s*(?:/\s*([0-9.eE+-]+)\s*)?")

# What YAML holds when every scalar is left as the text it is written as.
_Node: TypeAlias = "str | list[_Node] | dict[str, _Node]"
_NOTHING: Mapping[str, tuple[tuple[int, ...], ...]] = MappingProxyType({})


@dataclass(frozen=True, kw_only=True, slots=True)
class Operation:
    """One step of preparing the input. `numbers`: its arguments that are numbers or lists of them; `words`: others."""

    name: str
    numbers: Mapping[str, tuple[float, ...]]
    words: Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class DetectionDefaults:
    """The thresholds a detector was published with. None: the file does not say."""

    thresh: float | None
    box_thresh: float | None
    unclip_ratio: float | None
    max_candidates: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelConfig:
    """What `inference.yml` says; the default values are those of a model without one.

    characters: the recogniser's dictionary, verbatim, without the blank and the final space.
    labels: what the classes of a classifier mean, in order.
    shapes: input name to the smallest, the usual and the largest shape.
    """

    model_name: str | None = None
    operations: tuple[Operation, ...] = ()
    post_process: str | None = None
    detection: DetectionDefaults | None = None
    characters: tuple[str, ...] | None = None
    labels: tuple[str, ...] | None = None
    shapes: Mapping[str, tuple[tuple[int, ...], ...]] = field(default_factory=dict)

    def operation(self, name: str) -> Operation | None:
        """The first step of that name."""
        return next((operation for operation in self.operations if operation.name == name), None)


def read_config(content: bytes, *, where: str) -> ModelConfig:
    """Read an `inference.yml`. Nothing in it is ever run. Raises: ModelUnavailable naming `where` and what is wrong."""
    if len(content) > _MAX_BYTES:
        raise ModelUnavailable(f"{where} has {len(content)} bytes; a model's description has at most {_MAX_BYTES}")
    # Here, because a model without such a file does without the library too.
    import yaml

    # The base loader makes texts, lists and mappings and nothing else; tags are ignored, so a dictionary's plain ~, =
    # or 1 stays the text it is. RecursionError: lists nested without end.
    loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    try:
        document = yaml.load(content.decode("utf-8"), loader)  # noqa: S506
        return _config(_mapping(document, "the file"))
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ModelUnavailable(f"{where} is not a model description: {reason}") from error


def read_dictionary(content: bytes, *, is_whole: bool, where: str) -> tuple[str, ...]:
    """Read a dictionary with one entry a line; `is_whole`: with the blank first and the space last, which are dropped.

    Raises: ModelUnavailable: it is not UTF-8 text.
    """
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ModelUnavailable(f"{where} is not a dictionary: {error}") from error
    entries = tuple(text.replace("\r\n", "\n").removesuffix("\n").split("\n"))
    return entries[1:-1] if is_whole else entries


def parse_number(text: str) -> float:
    """A number, or the quotient of two: '1./255.'. Raises: ValueError: anything else."""
    match = _QUOTIENT.fullmatch(text)
    if match is None:
        raise ValueError(f"{text[:40]!r} is not a number")
    try:
        return float(match[1]) / float(match[2] or 1)
    except (ValueError, ZeroDivisionError) as error:
        raise ValueError(f"{text[:40]!r} is not a number") from error


def _config(document: dict[str, _Node]) -> ModelConfig:
    about = _mapping(document.get("Global"), "Global")
    post = _mapping(document.get("PostProcess"), "PostProcess")
    name = about.get("model_name")
    steps = _mapping(document.get("PreProcess"), "PreProcess").get("transform_ops")
    kind = post.get("name")
    characters = post.get("character_dict")
    classes = next(
        (_mapping(value, "PostProcess").get("label_list") for key, value in post.items() if key == "Topk"), None
    )
    return ModelConfig(
        model_name=_text(name, "model_name") if name is not None else None,
        operations=tuple(_operation(step) for step in _list(steps, "transform_ops")),
        post_process=_text(kind, "PostProcess.name") if kind is not None else next(iter(post), None),
        detection=_detection(post) if kind == "DBPostProcess" else None,
        characters=_characters(characters) if characters is not None else None,
        labels=_texts(classes, "label_list") if classes is not None else None,
        shapes=_shapes(document),
    )


def _operation(step: _Node) -> Operation:
    """`DecodeImage: {img_mode: BGR}`, `ToCHWImage: null`, or the bare name."""
    if isinstance(step, str):
        return Operation(name=step, numbers={}, words={})
    pairs = list(_mapping(step, "transform_ops").items())
    if len(pairs) != 1:
        raise ValueError("a step of transform_ops is not one name with its arguments")
    name, arguments = pairs[0]
    numbers: dict[str, tuple[float, ...]] = {}
    words: dict[str, str] = {}
    for key, value in _mapping(arguments, name).items():
        try:
            numbers[key] = _numbers(value)
        except ValueError:
            # Words, such as BGR or false; a list of words is not about the input and is left out.
            if isinstance(value, str):
                words[key] = value
    if "scale" in words:
        raise ValueError(f"{name}.scale: {words['scale'][:40]!r} is not a number")
    return Operation(name=name, numbers=numbers, words=words)


def _detection(post: dict[str, _Node]) -> DetectionDefaults:
    def number(key: str) -> float | None:
        return parse_number(_text(post[key], key)) if key in post else None

    candidates = number("max_candidates")
    return DetectionDefaults(
        thresh=number("thresh"),
        box_thresh=number("box_thresh"),
        unclip_ratio=number("unclip_ratio"),
        max_candidates=int(candidates) if candidates is not None else None,
    )


def _characters(node: _Node) -> tuple[str, ...]:
    entries = _texts(node, "character_dict")
    if any("\n" in entry for entry in entries):
        raise ValueError("an entry of character_dict has a line break in it")
    return entries


def _shapes(document: dict[str, _Node]) -> Mapping[str, tuple[tuple[int, ...], ...]]:
    backends = _mapping(_mapping(document.get("Hpi"), "Hpi").get("backend_configs"), "backend_configs")
    for backend, key in (("tensorrt", "dynamic_shapes"), ("paddle_infer", "trt_dynamic_shapes")):
        inputs = _mapping(_mapping(backends.get(backend), backend).get(key), key)
        if inputs:
            return {name: _three_shapes(shapes) for name, shapes in inputs.items()}
    return _NOTHING


def _three_shapes(node: _Node) -> tuple[tuple[int, ...], ...]:
    shapes = tuple(tuple(int(side) for side in _numbers(shape)) for shape in _list(node, "dynamic_shapes"))
    if len(shapes) != 3 or len({len(shape) for shape in shapes}) != 1:
        raise ValueError("dynamic_shapes has not three shapes of one length: smallest, usual, largest")
    return shapes


def _numbers(node: _Node) -> tuple[float, ...]:
    if isinstance(node, str):
        return (parse_number(node),)
    return tuple(parse_number(_text(item, "a list of numbers")) for item in _list(node, "a list of numbers"))


def _mapping(node: _Node | None, name: str) -> dict[str, _Node]:
    # "null", "~" and nothing at all are how a file writes that there are no arguments.
    if node is None or node in ("", "null", "~"):
        return {}
    if not isinstance(node, dict) or not all(isinstance(key, str) for key in node):
        raise ValueError(f"{name} is not a mapping")
    return node


def _list(node: _Node | None, name: str) -> list[_Node]:
    if node is None or node in ("", "null", "~"):
        return []
    if not isinstance(node, list):
        raise ValueError(f"{name} is not a list")
    return node


def _texts(node: _Node, name: str) -> tuple[str, ...]:
    return tuple(_text(item, f"an entry of {name}") for item in _list(node, name))


def _text(node: _Node, name: str) -> str:
    if not isinstance(node, str):
        raise ValueError(f"{name} is not a text")
    return node
