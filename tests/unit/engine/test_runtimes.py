"""The contract of a runtime, on every one that runs here, with real weights."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from ocr_engine import ModelUnavailable, OCREngine
from ocr_engine.device import parse_device
from ocr_engine.options import EngineOptions
from ocr_engine.runtimes.plan import plan_runtime
from ocr_engine.runtimes.select import open_onnx
from ocr_engine.runtimes.weights import HeldWeights
from ocr_engine.zoo.registry import Module, find
from ocr_engine.zoo.resolve import Zoo


@pytest.fixture(params=["onnxruntime", "openvino"])
def engine_name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_a_runtime_gives_the_same_from_many_threads(engine_name: str) -> None:
    weights = Zoo.at(None, "offline").resolve(find(Module.DOC_ORIENTATION, None))
    runtime = open_onnx(plan_runtime(EngineOptions(engine=engine_name), threads=1), weights)
    batches = np.random.default_rng(7).normal(size=(16, 1, 3, 224, 224)).astype(np.float32)
    alone = [runtime.run(batch) for batch in batches]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(runtime.run, batches))
    assert all(np.array_equal(a, b) for a, b in zip(alone, together, strict=True))


def test_the_runtimes_agree_to_one_in_ten_thousand(engine_name: str) -> None:
    weights = Zoo.at(None, "offline").resolve(find(Module.TEXT_RECOGNITION, None))
    ours = open_onnx(plan_runtime(EngineOptions(engine=engine_name), threads=2), weights)
    reference = open_onnx(plan_runtime(EngineOptions(), threads=2), weights)
    assert ours.metadata == reference.metadata
    for width in (320, 96):
        batch = np.random.default_rng(7).uniform(-1, 1, size=(2, 3, 48, width)).astype(np.float32)
        assert np.abs(ours.run(batch) - reference.run(batch)).max() < 1e-4


def test_weights_that_are_no_model_are_unavailable(engine_name: str) -> None:
    with pytest.raises(ModelUnavailable, match="cannot load"):
        open_onnx(plan_runtime(EngineOptions(engine=engine_name), threads=1), HeldWeights(b"not a network"))


def test_an_engine_reports_its_runtime_and_device(engine_name: str) -> None:
    with OCREngine(engine=engine_name, use_doc_orientation_classify=False, cpu_threads=1) as engine:
        assert engine.runtime.split() in ([engine_name, "f32"], [engine_name, "bf16"])
        assert engine.device == str(parse_device("cpu"))
