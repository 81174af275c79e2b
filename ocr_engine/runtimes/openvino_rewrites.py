"""Networks in fewer or cheaper operations, before OpenVINO compiles them: the same numbers, but for rounding.

A convolution is linear, so what is linear around it may change places with it: sums, averages, joins, and maps made
larger by repeating pixels. None of this is known to OpenVINO 2026.

Any, here: the library's objects, whose types are only known once it is imported.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ocr_engine.runtimes.openvino_graph import input_of, value_of, weights_of
from ocr_engine.types import Tensor

# Counts the changes of this file and of `openvino_graph`, so that a network that an older one made is not taken.
REVISION = 5
_DOUBLING = {"strides": [2, 2], "dilations": [1, 1], "pads_begin": [0, 0], "pads_end": [0, 0], "output_padding": [0, 0]}
_SAME_SIZE = {"strides": [1, 1], "dilations": [1, 1], "pads_begin": [1, 1], "pads_end": [1, 1]}
_REPEATING = {
    "mode": "nearest",
    "shape_calculation_mode": "scales",
    "coordinate_transformation_mode": "asymmetric",
    "nearest_mode": "floor",
    "pads_begin": [0, 0, 0, 0],
    "pads_end": [0, 0, 0, 0],
}


def cheaper(model: Any) -> Any:
    """The model with every rewrite of this file that fits it. The one given is changed, and not to be used any more."""
    import openvino.opset13 as ops

    rewrites = {
        "Add": _gated_at_once,
        "AvgPool": _pooled_first,
        "Convolution": _convolved_in_parts,
        "HardSigmoid": _clamped,
    }
    for node in model.get_ordered_ops():
        rewrite = rewrites.get(node.get_type_name())
        # Constants of ours are float32, and do not go with those of a network in half precision.
        fits = rewrite is not None and node.get_output_element_type(0).get_type_name() == "f32"
        found = rewrite(ops, node) if rewrite is not None and fits else None
        if found is not None:
            node.output(0).replace(found.output(0))
    return with_flat_tail(model)


def with_flat_tail(model: Any) -> Any:
    """The model with the end of a DB detector in 1 x 1 convolutions; the model itself if it ends otherwise.

    Its last two layers double the map each (kernel 2, stride 2), so no two of their outputs share an input: they are
    1 x 1 convolutions to four times the channels, and one move of 4 x 4 pixels at the end. The same bits in float32.
    OpenVINO has these in bf16, and the sigmoid in sixteen channels; the transposed ones it runs in float32, and the
    sigmoid of a single channel one number at a time: a sixth of the detector.
    """
    if len(model.get_results()) != 1:
        return model
    sigmoid = input_of(model.get_results()[0])
    last = input_of(sigmoid) if sigmoid.get_type_name() == "Sigmoid" else None
    relu = input_of(input_of(last)) if _is_doubling(last) else None
    first = input_of(relu) if relu is not None and relu.get_type_name() == "Relu" else None
    if not _is_doubling(first):
        return model
    import openvino.opset13 as ops

    inner, outer = (weights_of(input_of(node)) for node in (first, last))
    if outer.shape[1] != 1:
        return model
    wide = inner.transpose(2, 3, 1, 0).reshape(-1, len(inner), 1, 1)
    folded = ops.relu(_shifted(ops, _pointwise(ops, input_of(first).input_value(0), wide), weights_of(first), 4))
    folded = _shifted(ops, _pointwise(ops, folded, _spread(outer)), weights_of(last), 16)
    whole = ops.depth_to_space(ops.sigmoid(folded), "blocks_first", 4)
    return type(model)([whole.output(0)], model.get_parameters(), model.get_friendly_name())


def _gated_at_once(ops: Any, total: Any) -> Any | None:
    """x + x * gate is x * (1 + gate): one pass over a map less. The gate is a number a channel."""
    for at in (0, 1):
        product, kept = input_of(total, at), value_of(total, 1 - at)
        if product.get_type_name() != "Multiply":
            continue
        for gate_at in (0, 1):
            gate, other = product.input_value(gate_at), value_of(product, 1 - gate_at)
            if _is_same(other, kept) and _is_one_a_channel(gate):
                return ops.multiply(kept, ops.add(gate, ops.constant(np.ones(1, np.float32))))
    return None


def _clamped(ops: Any, gate: Any) -> Any | None:
    """A hard sigmoid as what it is, max(0, min(1, a * x + b)).

    These OpenVINO puts into the convolution before; the sigmoid itself it runs alone, in float32, between two changes
    of the order of numbers.
    """
    slope, middle = (input_of(gate, at) for at in (1, 2))
    if any(one.get_type_name() != "Constant" or one.get_data().size != 1 for one in (slope, middle)):
        return None
    slope, middle = (_constant(ops, one.get_data().reshape(1)) for one in (slope, middle))
    return ops.clamp(ops.add(ops.multiply(gate.input_value(0), slope), middle), 0.0, 1.0)


def _pooled_first(ops: Any, pool: Any) -> Any | None:
    """The average of a residual block, x + convolution(y), as average(x) + convolution(average(y)).

    A 1 x 1 convolution of six times fewer pixels: a twentieth of a PP-OCRv6 recogniser.
    """
    block, how = input_of(pool), pool.get_attributes()
    if block.get_type_name() != "Add" or len(block.output(0).get_target_inputs()) != 1:
        return None
    if any(how["pads_begin"]) or any(how["pads_end"]) or how["auto_pad"] != "explicit":
        return None
    if how["rounding_type"] not in ("floor", "ceil") or how.get("dilations", [1, 1]) != [1, 1]:
        return None
    if any(_may_repeat(block.input_value(at)) for at in (0, 1)):
        return None

    def average(source: Any) -> Any:
        return ops.avg_pool(source, how["strides"], [0, 0], [0, 0], how["kernel"], True, how["rounding_type"])

    for at in (0, 1):
        shifted = input_of(block, at)
        if shifted.get_type_name() != "Add" or not _is_one_a_channel(shifted.input_value(1)):
            continue
        layer = input_of(shifted)
        if not _is_pointwise(layer):
            continue
        narrow = ops.convolution(average(layer.input_value(0)), layer.input_value(1), [1, 1], [0, 0], [0, 0], [1, 1])
        return ops.add(average(block.input_value(1 - at)), ops.add(narrow, shifted.input_value(1)))
    return None


def _convolved_in_parts(ops: Any, layer: Any) -> Any | None:
    """The convolution of two maps, or of doubled and other ones, that are joined for it alone.

    Two maps are convolved one after the other and added in place: to join them took half as long as to convolve.
    Doubled ones are joined and convolved at half their size, with fewer products and no larger copy of them.
    """
    join, how = input_of(layer), layer.get_attributes()
    if join.get_type_name() != "Concat" or join.get_attributes()["axis"] != 1:
        return None
    maps = [value_of(join, at) for at in range(join.get_input_size())]
    if input_of(layer, 1).get_type_name() != "Constant" or any(one.get_partial_shape()[1].is_dynamic for one in maps):
        return None
    ends = np.cumsum([one.get_partial_shape()[1].get_length() for one in maps])[:-1]
    parts = list(zip(maps, np.split(weights_of(layer), ends, axis=1), strict=True))

    def convolved(source: Any, kernel: Tensor) -> Any:
        strides, begin, end = (how[name] for name in ("strides", "pads_begin", "pads_end"))
        return ops.convolution(source, _constant(ops, kernel), strides, begin, end, how["dilations"], how["auto_pad"])

    doubled = [part for part in parts if _doublings(part[0])] if _keeps_the_size(layer) else []
    if doubled:
        others = [part for part in parts if not _doublings(part[0])]
        coarse = _convolved_at_half(ops, doubled)
        return ops.add(convolved(*_joined(ops, others)), coarse) if others else coarse
    if len(parts) == 2:
        return ops.add(*(convolved(*part) for part in parts))
    return None


def _convolved_at_half(ops: Any, parts: list[tuple[Any, Tensor]]) -> Any:
    """The sum of 3 x 3 convolutions of doubled maps, of the same size as these."""
    halves = []
    for source, kernel in parts:
        times = _doublings(source) / 2
        small = value_of(source.get_node())
        halves.append((small if times == 1 else _repeated(ops, small, times), kernel))
    source, kernel = _joined(ops, halves)
    cells = ops.convolution(source, _constant(ops, halved_kernel(kernel)), [1, 1], [1, 1], [1, 1], [1, 1])
    inside = [ops.constant(np.array(bound)) for bound in ([1, 1], [-1, -1], [1, 1], [2, 3])]
    return ops.slice(ops.depth_to_space(cells, "blocks_first", 2), *inside)


def halved_kernel(kernel: Tensor) -> Tensor:
    """A 3 x 3 kernel (out, in, 3, 3) over a map that was doubled, as one over the map itself, (4 * out, in, 2, 2).

    Padded by one pixel, an (h, w) map has (h + 1, w + 1) cells of 2 x 2. Cell (y, x) gives 2 x 2 pixels of the doubled
    map with one pixel around it, the upper left one (2y, 2x), in the order of `depth_to_space`: four sums of the
    kernel, because its three rows, and columns, meet two of the map.
    """
    halved = np.zeros((2, 2, *kernel.shape[:2], 2, 2), dtype=np.float32)
    for y, x, row, column in np.ndindex(2, 2, 3, 3):
        halved[y, x, :, :, (y + row) // 2, (x + column) // 2] += kernel[:, :, row, column]
    return halved.reshape(-1, kernel.shape[1], 2, 2)


def _joined(ops: Any, parts: list[tuple[Any, Tensor]]) -> tuple[Any, Tensor]:
    """Maps as one, and their kernels as one."""
    sources, kernels = zip(*parts, strict=True)
    return ops.concat(list(sources), 1) if len(sources) > 1 else sources[0], np.concatenate(kernels, axis=1)


def _repeated(ops: Any, source: Any, times: float) -> Any:
    axes, scales = ops.constant(np.array([2, 3])), ops.constant(np.array([times, times], dtype=np.float32))
    return ops.interpolate(
        source,
        scales,
        "nearest",
        "scales",
        [0, 0, 0, 0],
        [0, 0, 0, 0],
        coordinate_transformation_mode="asymmetric",
        nearest_mode="floor",
        axes=axes,
    )


def _doublings(source: Any) -> int:
    """How many times larger in both directions repeating pixels made a map, if that is an even number; else 0."""
    node = source.get_node()
    if node.get_type_name() != "Interpolate" or node.get_input_size() != 2:
        return 0
    how, scales = node.get_attributes(), input_of(node, 1)
    if any(how[name] != value for name, value in _REPEATING.items()) or scales.get_type_name() != "Constant":
        return 0
    whole, unused, rows, columns = (float(scale) for scale in scales.get_data())
    return int(rows) if whole == unused == 1 and rows == columns and rows % 2 == 0 else 0


def _keeps_the_size(layer: Any) -> bool:
    """Whether a convolution has 3 x 3 pixels and gives as many as it is given."""
    how = layer.get_attributes()
    return list(layer.input_value(1).get_shape())[2:] == [3, 3] and all(
        how[name] == value for name, value in _SAME_SIZE.items()
    )


def _is_pointwise(layer: Any) -> bool:
    """Whether a node is a convolution of single pixels, each of which it keeps."""
    if layer.get_type_name() != "Convolution" or input_of(layer, 1).get_type_name() != "Constant":
        return False
    how = layer.get_attributes()
    return (
        list(layer.input_value(1).get_shape())[2:] == [1, 1]
        and how["strides"] == [1, 1]
        and not any(how["pads_begin"] + how["pads_end"])
    )


def _is_same(one: Any, other: Any) -> bool:
    """Whether two values are one output of one node, which compared with == give a node."""
    places = [(value.get_node().get_name(), value.get_index()) for value in (one, other)]
    return places[0] == places[1]


def _may_repeat(source: Any) -> bool:
    """Whether a map may have one row or column that a sum repeats, so that the average of it is another."""
    shape = source.get_partial_shape()
    if shape.rank.is_dynamic or len(shape) != 4:
        return True
    return any(side.is_static and side.get_length() == 1 for side in shape[2:])


def _is_one_a_channel(source: Any) -> bool:
    """Whether a value has one number a channel."""
    shape = source.get_partial_shape()
    return (
        shape.rank.is_static
        and len(shape) == 4
        and all(side.is_static and side.get_length() == 1 for side in shape[2:])
    )


def _is_doubling(node: Any | None) -> bool:
    """Whether a node adds its shift to a transposed convolution of kernel and stride 2 without padding."""
    if node is None or node.get_type_name() != "Add":
        return False
    layer = input_of(node)
    if layer.get_type_name() != "ConvolutionBackpropData" or layer.get_input_size() != 2:
        return False
    attributes = layer.get_attributes()
    plain = all(attributes[name] == value for name, value in _DOUBLING.items())
    constants = [input_of(layer, 1), input_of(node, 1)]
    if not plain or any(one.get_type_name() != "Constant" for one in constants):
        return False
    return list(constants[0].shape)[2:] == [2, 2]


def _spread(kernel: Tensor) -> Tensor:
    """A doubling kernel (channels, 1, 2, 2) over four groups of channels (a, b): (16, 4 * channels, 1, 1).

    Output 8a + 4p + 2b + q is pixel (2a + p, 2b + q) of its 4 x 4.
    """
    spread = np.zeros((2, 2, 2, 2, 2, 2, len(kernel)), dtype=np.float32)
    for a, b in np.ndindex(2, 2):
        spread[a, :, b, :, a, b] = kernel[:, 0].transpose(1, 2, 0)
    return spread.reshape(16, -1, 1, 1)


def _pointwise(ops: Any, source: Any, kernel: Tensor) -> Any:
    return ops.convolution(source, ops.constant(kernel), [1, 1], [0, 0], [0, 0], [1, 1])


def _shifted(ops: Any, source: Any, shift: Tensor, times: int) -> Any:
    return ops.add(source, ops.constant(np.tile(shift.reshape(-1), times).reshape(1, -1, 1, 1)))


def _constant(ops: Any, values: Tensor) -> Any:
    return ops.constant(np.ascontiguousarray(values, dtype=np.float32))
