"""Networks in cheaper operations: the same numbers but for rounding, and what does not fit is left alone.

Any, here: OpenVINO's objects.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
import openvino
import openvino.opset13 as ops
import pytest

from ocr_engine.options import EngineOptions
from ocr_engine.runtimes.openvino_rewrites import cheaper, halved_kernel, with_flat_tail
from ocr_engine.runtimes.plan import plan_runtime
from ocr_engine.runtimes.select import open_onnx
from ocr_engine.types import Tensor
from ocr_engine.zoo.registry import Module, find
from ocr_engine.zoo.resolve import Zoo

RANDOM = np.random.default_rng(7)


@cache
def published(module: Module, name: str | None = None) -> bytes:
    return Zoo.at(None, "offline").resolve(find(module, name)).read()


def read(weights: bytes) -> Any:
    return openvino.Core().read_model(io.BytesIO(weights))


def run(model: Any, batch: Tensor) -> Tensor:
    """The model's first output, computed in float32."""
    compiled = openvino.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return np.array(compiled(batch)[0])


def kinds(model: Any) -> Counter[str]:
    return Counter(node.get_type_name() for node in model.get_ordered_ops())


def text_like(*shape: int) -> Tensor:
    """Dark strokes on a light page, from -1 to 1: a detector's map of noise alone is zero everywhere."""
    page = np.ones(shape, dtype=np.float32)
    for top in range(8, shape[2] - 24, 40):
        page[:, :, top : top + 18, 10:-10] = np.where(RANDOM.random((18, shape[3] - 20)) < 0.4, -1, 1)
    return page


@pytest.mark.parametrize("name", ["PP-OCRv6_small_det", "PP-OCRv6_tiny_det", "PP-OCRv5_mobile_det"])
def test_a_detector_finds_the_same_with_fewer_operations(name: str) -> None:
    weights = published(Module.TEXT_DETECTION, name)
    page = text_like(1, 3, 320, 256)
    before, after = kinds(read(weights)), kinds(cheaper(read(weights)))
    expected = run(read(weights), page)
    assert expected.max() > 0.5
    assert np.abs(run(cheaper(read(weights)), page) - expected).max() < 1e-4
    assert before["HardSigmoid"] == after["Clamp"] > 0 == after["HardSigmoid"]


@pytest.mark.parametrize("name", ["PP-OCRv6_small_rec", "PP-OCRv6_tiny_rec"])
def test_a_recogniser_reads_the_same_and_its_last_block_has_a_sixth_of_the_pixels(name: str) -> None:
    weights = published(Module.TEXT_RECOGNITION, name)
    lines = RANDOM.uniform(-1, 1, size=(2, 3, 48, 160)).astype(np.float32)
    assert np.abs(run(cheaper(read(weights)), lines) - run(read(weights), lines)).max() < 1e-4
    before, after = kinds(read(weights)), kinds(cheaper(read(weights)))
    assert (before["AvgPool"], after["AvgPool"]) == (1, 2)


def test_the_parts_of_a_detector_are_convolved_where_they_are() -> None:
    model = cheaper(read(published(Module.TEXT_DETECTION)))
    joins = [node for node in model.get_ordered_ops() if node.get_type_name() == "Concat"]
    maps = [node for node in joins if len(node.output(0).get_partial_shape()) == 4]
    assert [node.get_input_size() for node in maps] == [3]


@pytest.mark.parametrize("shape", [(32, 32), (96, 160)])
def test_the_flat_tail_of_a_detector_has_the_same_bits(shape: tuple[int, int]) -> None:
    weights = published(Module.TEXT_DETECTION)
    page = RANDOM.normal(size=(1, 3, *shape)).astype(np.float32)
    flat = run(with_flat_tail(read(weights)), page)
    assert flat.shape == (1, 1, *shape)
    assert np.array_equal(run(read(weights), page), flat)


def test_only_the_detector_is_given_a_flat_tail() -> None:
    changed = {}
    for module in (Module.TEXT_DETECTION, Module.TEXT_RECOGNITION, Module.DOC_ORIENTATION):
        model = read(published(module))
        changed[module] = with_flat_tail(model) is not model
    assert changed == {Module.TEXT_DETECTION: True, Module.TEXT_RECOGNITION: False, Module.DOC_ORIENTATION: False}


def test_a_halved_kernel_convolves_a_doubled_map() -> None:
    kernel = RANDOM.normal(size=(2, 3, 3, 3)).astype(np.float32)
    small = RANDOM.normal(size=(3, 4, 5)).astype(np.float32)
    doubled = np.pad(small.repeat(2, axis=1).repeat(2, axis=2), ((0, 0), (1, 1), (1, 1)))
    padded = np.pad(small, ((0, 0), (1, 1), (1, 1)))
    halved = halved_kernel(kernel).reshape(2, 2, 2, 3, 2, 2)
    for row, column in np.ndindex(8, 10):
        expected = np.tensordot(kernel, doubled[:, row : row + 3, column : column + 3], 3)
        (y, up), (x, left) = divmod(row + 1, 2), divmod(column + 1, 2)
        found = np.tensordot(halved[up, left], padded[:, y : y + 2, x : x + 2], 3)
        assert np.allclose(found, expected, atol=1e-5)


# Small networks of one (1, 4, 8, 12) map, and whether a rewrite takes them: the names of what is in it tell.


def constant(*shape: int) -> Any:
    return ops.constant(RANDOM.normal(size=shape).astype(np.float32))


def convolution(source: Any, kernel: Sequence[int], pad: int = 0, stride: int = 1) -> Any:
    return ops.convolution(source, constant(*kernel), [stride] * 2, [pad] * 2, [pad] * 2, [1, 1])


def repeated(source: Any, times: float, mode: str = "nearest") -> Any:
    scales = ops.constant(np.array([1, 1, times, times], dtype=np.float32))
    how = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    return ops.interpolate(source, scales, mode, "scales", [0] * 4, [0] * 4, **how)


def pooled(source: Any, *, pad: int = 0) -> Any:
    return ops.avg_pool(source, [2, 2], [pad, pad], [pad, pad], [2, 2], True, "floor")


def block(source: Any, kernel: int = 1) -> Any:
    layer = convolution(ops.relu(source), (4, 4, kernel, kernel), kernel // 2)
    return ops.add(source, ops.add(layer, constant(1, 4, 1, 1)))


def gated(source: Any, *gate: int) -> Any:
    return ops.add(source, ops.multiply(source, constant(*gate)))


def joined(*parts: Any) -> Any:
    return ops.concat(list(parts), 1)


def mean(source: Any) -> Any:
    return ops.reduce_mean(source, ops.constant(np.array([2, 3])), True)


def gated_by_another_part(source: Any) -> Any:
    parts = ops.split(source, ops.constant(np.array(1)), 2)
    return ops.add(parts.output(0), ops.multiply(parts.output(1), constant(1, 2, 1, 1)))


def twice_used(source: Any) -> Any:
    found = block(source)
    return ops.concat([pooled(found), pooled(ops.relu(found))], 1)


@pytest.mark.parametrize(
    ("build", "changes"),
    [
        (lambda x: gated(x, 1, 4, 1, 1), Counter()),
        (lambda x: pooled(block(x)), Counter(AvgPool=1)),
        (lambda x: convolution(joined(x, ops.relu(x)), (3, 8, 3, 3), 1, 2), Counter(Convolution=1, Concat=-1)),
        (lambda x: convolution(joined(x, pooled(repeated(x, 2))), (3, 8, 1, 1)), Counter(Convolution=1, Concat=-1)),
        (
            lambda x: convolution(joined(repeated(x, 4), repeated(repeated(x, 2), 2)), (3, 8, 3, 3), 1),
            Counter(DepthToSpace=1, Slice=1, Interpolate=-1),
        ),
        (
            lambda x: convolution(joined(repeated(x, 2), ops.relu(repeated(x, 2))), (3, 8, 3, 3), 1),
            Counter(DepthToSpace=1, Slice=1, Interpolate=-1, Concat=-1, Convolution=1, Add=1),
        ),
        (
            lambda x: convolution(joined(*[repeated(x, 2)] * 2), (3, 8, 3, 3), 1),
            Counter(DepthToSpace=1, Slice=1, Interpolate=-1),
        ),
        (lambda x: ops.hard_sigmoid(x, np.float32(0.3), np.float32(0.4)), Counter(Clamp=1, HardSigmoid=-1)),
    ],
)
def test_what_fits_is_rewritten_with_the_same_numbers(build: Callable[[Any], Any], changes: Counter[str]) -> None:
    page = RANDOM.normal(size=(1, 4, 8, 12)).astype(np.float32)
    state = RANDOM.bit_generator.state

    def fresh() -> Any:
        RANDOM.bit_generator.state = state
        source = ops.parameter([-1, 4, -1, -1], np.float32)
        return openvino.Model([build(source).output(0)], [source], "small")

    expected, before = run(fresh(), page), kinds(fresh())
    model = cheaper(fresh())
    assert np.allclose(run(model, page), expected, atol=1e-5)
    found = kinds(model)
    found.subtract(before)
    assert {kind: found[kind] for kind in changes} == dict(changes)


@pytest.mark.parametrize(
    "build",
    [
        lambda x: gated(x, 1, 4, 8, 12),
        lambda x: ops.add(ops.relu(x), ops.multiply(x, constant(1, 4, 1, 1))),
        lambda x: pooled(block(x), pad=1),
        lambda x: pooled(block(x, kernel=3)),
        lambda x: pooled(ops.add(x, ops.add(convolution(x, (4, 4, 1, 1)), constant(1, 4, 8, 12)))),
        twice_used,
        lambda x: pooled(ops.add(x, convolution(ops.relu(x), (4, 4, 1, 1)))),
        lambda x: pooled(ops.add(convolution(x, (4, 4, 1, 1)), constant(1, 4, 1, 1))),
        lambda x: pooled(ops.add(x, ops.add(convolution(mean(x), (4, 4, 1, 1)), constant(1, 4, 1, 1)))),
        gated_by_another_part,
        lambda x: convolution(joined(x, x, x), (3, 12, 3, 3), 1),
        lambda x: convolution(joined(repeated(x, 2), repeated(x, 2), repeated(x, 2)), (3, 12, 1, 1)),
        lambda x: convolution(joined(repeated(x, 3), repeated(x, 3), repeated(x, 3)), (3, 12, 3, 3), 1),
        lambda x: convolution(joined(*[repeated(x, 2, "linear_onnx")] * 3), (3, 12, 3, 3), 1),
    ],
)
def test_what_does_not_fit_is_left_as_it_is(build: Callable[[Any], Any]) -> None:
    source = ops.parameter([1, 4, 8, 12], np.float32)
    model = openvino.Model([build(source).output(0)], [source], "small")
    before = [node.get_name() for node in model.get_ordered_ops()]
    assert [node.get_name() for node in cheaper(model).get_ordered_ops()] == before


def test_a_network_in_half_precision_is_left_as_it_is() -> None:
    source = ops.parameter([1, 4, 8, 12], np.float16)
    half = [ops.constant(np.array(value, dtype=np.float16)) for value in (0.3, 0.4)]
    model = openvino.Model([ops.hard_sigmoid(source, *half).output(0)], [source], "half")
    assert kinds(cheaper(model))["HardSigmoid"] == 1


@pytest.mark.parametrize("kind", [RuntimeError, ValueError, KeyError])
def test_a_network_that_a_rewrite_spoils_is_run_as_it_was_published(
    kind: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = Zoo.at(None, "offline").resolve(find(Module.TEXT_DETECTION, None))
    plan = plan_runtime(EngineOptions(engine="openvino"), threads=1, exact=False)
    page = text_like(1, 3, 96, 96)
    expected = open_onnx(plan, weights).run(page)

    def spoilt(_model: object) -> object:
        raise kind("shapes do not match")

    monkeypatch.setattr("ocr_engine.runtimes.openvino.cheaper", spoilt)
    with pytest.warns(RuntimeWarning, match="as it was published.*shapes do not match"):
        runtime = open_onnx(plan, weights)
    assert np.abs(runtime.run(page) - expected).mean() < 0.005  # bf16: single pixels are up to 0.06 apart
