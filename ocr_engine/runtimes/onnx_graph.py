"""ONNX files as far as UVDoc needs it: does it return the page or the grid, and where in the graph is the grid.

Reads the protobuf wire format itself: six field numbers against a dependency of 20 MB. Weights are skipped, not copied.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ocr_engine.errors import ModelUnavailable

# Field numbers of onnx.proto3.
_MODEL_GRAPH = 7
_GRAPH_NODE, _GRAPH_OUTPUT = 1, 12
_NODE_INPUT, _NODE_OUTPUT, _NODE_KIND, _NODE_ATTRIBUTE = 1, 2, 4, 5
_ATTRIBUTE_NAME, _ATTRIBUTE_INT, _ATTRIBUTE_TEXT, _ATTRIBUTE_INTS = 1, 3, 4, 8
_VALUE_NAME = 1
# ValueInfoProto.type, TypeProto.tensor_type, Tensor.shape, TensorShapeProto.dim; and Dimension.dim_value.
_VALUE_DIMENSIONS = (2, 1, 2, 1)
_DIMENSION_VALUE = 1
# Wire types.
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_FIXED_SIZES = {_FIXED64: 8, _FIXED32: 4}

_CHANNELS_LAST = (0, 2, 3, 1)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Node:
    kind: str
    inputs: Sequence[str]
    outputs: Sequence[str]
    words: Mapping[str, str]
    numbers: Mapping[str, tuple[int, ...]]


def gives_grid(weights: bytes) -> bool:
    """Whether the first output has two channels, x and y, rather than the three of a page. Raises: ModelUnavailable."""
    parts = [next(_parts(_graph(weights), _GRAPH_OUTPUT), memoryview(b""))]
    for number in _VALUE_DIMENSIONS:
        parts = [inner for part in parts for inner in _parts(part, number)]
    return len(parts) > 1 and [value for at, value in _fields(parts[1]) if at == _DIMENSION_VALUE] == [2]


def with_grid_output(weights: bytes) -> bytes | None:
    """The model with the grid that feeds its GridSample as one more, last output; None: there is no such grid.

    The output is (n, 2, rows, columns), or (n, rows, columns, 2) where the graph makes no smaller grid. Appending to a
    protobuf message adds to its lists, so the model itself is not rewritten. Raises: ModelUnavailable.
    """
    name = _grid_of([_node(part) for part in _parts(_graph(weights), _GRAPH_NODE)])
    if name is None:
        return None
    value = _message(_VALUE_NAME, name.encode())
    return weights + _message(_MODEL_GRAPH, _message(_GRAPH_OUTPUT, value))


def _grid_of(nodes: Sequence[_Node]) -> str | None:
    """The name of the knots, between the middles of the edge pixels, else of the grid as it is sampled."""
    makers = {output: node for node in nodes for output in node.outputs}
    samplers = [node for node in nodes if node.kind == "GridSample"]
    if len(samplers) != 1 or samplers[0].numbers.get("align_corners") != (1,):
        return None
    name = samplers[0].inputs[1]
    turned = makers.get(name)
    if turned is None or turned.kind != "Transpose" or turned.numbers.get("perm") != _CHANNELS_LAST:
        return name
    spread = makers.get(turned.inputs[0])
    if spread is None or spread.kind != "Resize":
        return name
    way = (spread.words.get("mode"), spread.words.get("coordinate_transformation_mode"))
    return spread.inputs[0] if way == ("linear", "align_corners") else name


def _node(part: memoryview) -> _Node:
    kind, inputs, outputs = "", [], []
    words: dict[str, str] = {}
    numbers: dict[str, tuple[int, ...]] = {}
    for at, value in _fields(part):
        if not isinstance(value, memoryview):
            continue
        if at == _NODE_INPUT:
            inputs.append(_text(value))
        elif at == _NODE_OUTPUT:
            outputs.append(_text(value))
        elif at == _NODE_KIND:
            kind = _text(value)
        elif at == _NODE_ATTRIBUTE:
            name = _text(next(_parts(value, _ATTRIBUTE_NAME), memoryview(b"")))
            words[name] = _text(next(_parts(value, _ATTRIBUTE_TEXT), memoryview(b"")))
            numbers[name] = tuple(_integers(value))
    return _Node(kind=kind, inputs=inputs, outputs=outputs, words=words, numbers=numbers)


def _integers(attribute: memoryview) -> Iterator[int]:
    """The numbers of an attribute, whether they are written one by one or packed."""
    for at, value in _fields(attribute):
        if at in (_ATTRIBUTE_INT, _ATTRIBUTE_INTS) and isinstance(value, int):
            yield value
        elif at == _ATTRIBUTE_INTS and isinstance(value, memoryview):
            place = 0
            while place < len(value):
                number, place = _varint(value, place)
                yield number


def _graph(weights: bytes) -> memoryview:
    graph = next(_parts(memoryview(weights), _MODEL_GRAPH), None)
    if graph is None:
        raise ModelUnavailable("the file of the unwarping network is not an ONNX model; name another folder")
    return graph


def _parts(message: memoryview, number: int) -> Iterator[memoryview]:
    """The embedded messages and texts of one field."""
    for at, value in _fields(message):
        if at == number and isinstance(value, memoryview):
            yield value


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Number and value of every field; fixed-size numbers, which nothing here reads, as their bytes."""
    place = 0
    while place < len(message):
        key, place = _varint(message, place)
        kind = key & 7
        if kind == _VARINT:
            number, place = _varint(message, place)
            yield key >> 3, number
            continue
        size = _FIXED_SIZES.get(kind, -1)
        if kind == _BYTES:
            size, place = _varint(message, place)
        if size < 0 or place + size > len(message):
            raise ModelUnavailable("the file of the unwarping network is cut short or not ONNX; fetch it again")
        yield key >> 3, message[place : place + size]
        place += size


def _varint(message: memoryview, place: int) -> tuple[int, int]:
    """A number of seven bits a byte, lowest first, and where it ends."""
    number = shift = 0
    while place < len(message):
        byte = message[place]
        number |= (byte & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if byte < 0x80:
            return number, place
    raise ModelUnavailable("the file of the unwarping network is cut short or not ONNX; fetch it again")


def _message(number: int, content: bytes) -> bytes:
    """One embedded message or text as a field."""
    size, length = b"", len(content)
    while length >= 0x80:
        size += bytes([length & 0x7F | 0x80])
        length >>= 7
    return bytes([number << 3 | _BYTES]) + size + bytes([length]) + content


def _text(part: memoryview) -> str:
    return bytes(part).decode("utf-8", "replace")
