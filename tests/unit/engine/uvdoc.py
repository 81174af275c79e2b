"""UVDoc in its official form, made from the packaged grid network: a page in full in, the flat page out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import NodeProto, TensorProto, helper, numpy_helper

from ocr_engine.zoo.registry import Module, find
from ocr_engine.zoo.resolve import Zoo

_RESIZE = {"mode": "linear", "coordinate_transformation_mode": "align_corners"}


def grid_network() -> bytes:
    """The packaged network: (n, 3, 712, 488) float16 RGB in, (n, 2, 45, 31) out."""
    return Zoo.at(None, "offline").resolve(find(Module.DOC_UNWARPING, None)).read()


def full_size(*, align_corners: int = 1) -> bytes:
    """The same behind a resize of the page, which is BGR, and before a resize of the grid and its sampling."""
    model = onnx.load_from_string(grid_network())
    graph = model.graph
    (taken,) = graph.input
    kept = [*_before(taken.name), *graph.node, *_after(graph.output[0].name, align_corners)]
    for field in (graph.node, graph.input, graph.output):
        del field[:]
    graph.node.extend(kept)
    graph.input.append(helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 3, "h", "w"]))
    graph.output.append(helper.make_tensor_value_info("flat", TensorProto.FLOAT, ["n", 3, "h", "w"]))
    for name, numbers in (("zero", [0]), ("two", [2]), ("four", [4]), ("small_size", [712, 488]), ("rgb", [2, 1, 0])):
        graph.initializer.append(numpy_helper.from_array(np.array(numbers, dtype=np.int64), name))
    return bytes(model.SerializeToString())


def saved_in(folder: Path, weights: bytes) -> Path:
    """A model folder with these weights."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "inference.onnx").write_bytes(weights)
    return folder


def _before(network_input: str) -> Sequence[NodeProto]:
    return (
        helper.make_node("Shape", ["image"], ["image_shape"]),
        helper.make_node("Slice", ["image_shape", "two", "four"], ["image_size"]),
        helper.make_node("Slice", ["image_shape", "zero", "two"], ["image_head"]),
        helper.make_node("Concat", ["image_head", "small_size"], ["small_shape"], axis=0),
        helper.make_node("Gather", ["image", "rgb"], ["image_rgb"], axis=1),
        helper.make_node("Resize", ["image_rgb", "", "", "small_shape"], ["small"], **_RESIZE),
        helper.make_node("Cast", ["small"], [network_input], to=TensorProto.FLOAT16),
    )


def _after(network_output: str, align_corners: int) -> Sequence[NodeProto]:
    return (
        helper.make_node("Cast", [network_output], ["knots"], to=TensorProto.FLOAT),
        helper.make_node("Shape", ["knots"], ["knots_shape"]),
        helper.make_node("Slice", ["knots_shape", "zero", "two"], ["knots_head"]),
        helper.make_node("Concat", ["knots_head", "image_size"], ["dense_shape"], axis=0),
        helper.make_node("Resize", ["knots", "", "", "dense_shape"], ["dense"], **_RESIZE),
        helper.make_node("Transpose", ["dense"], ["sampled_at"], perm=[0, 2, 3, 1]),
        helper.make_node("GridSample", ["image", "sampled_at"], ["flat"], align_corners=align_corners),
    )
