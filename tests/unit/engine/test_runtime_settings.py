"""What a plan becomes in the words of each library, without hardware."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from ocr_engine import DeviceUnavailable, InvalidRequest, ModelUnavailable
from ocr_engine.options import EngineOptions, OptionValue
from ocr_engine.runtimes import openvino, paddle
from ocr_engine.runtimes.onnx import SessionPlan, plan_session
from ocr_engine.runtimes.plan import plan_runtime
from ocr_engine.runtimes.select import open_onnx, open_paddle
from ocr_engine.runtimes.weights import HeldWeights
from ocr_engine.zoo.registry import Module, find
from ocr_engine.zoo.resolve import Zoo
from tests.unit.engine.planning import planned

ALL_PROVIDERS = onnxruntime.get_all_providers()


def session(available: list[str] | None = None, **options: OptionValue) -> SessionPlan:
    return plan_session(planned(**options), available=ALL_PROVIDERS if available is None else available)


def calls(*, pir: bool = True, **options: OptionValue) -> dict[str, tuple[object, ...]]:
    """The calls of Paddle's configuration by name, the last of each."""
    return dict(paddle.plan_predictor(planned(engine="paddle", **options), pir=pir).calls)


# --- ONNX Runtime


def test_a_cpu_session_uses_the_cpu_and_the_threads_of_the_engine() -> None:
    plan = session()
    assert plan.providers == (("CPUExecutionProvider", {}),)
    assert plan.options["intra_op_num_threads"] == 3


def test_a_gpu_session_searches_algorithms_quickly() -> None:
    (name, options), cpu = session(device="gpu:2").providers
    assert (name, cpu[0]) == ("CUDAExecutionProvider", "CPUExecutionProvider")
    assert options == {"device_id": 2, "cudnn_conv_algo_search": "HEURISTIC"}


def test_tensorrt_comes_before_cuda_with_its_precision_and_graph_size() -> None:
    (name, options), (second, _), _ = session(
        device="gpu:1", use_tensorrt=True, precision="fp16", min_subgraph_size=7
    ).providers
    assert (name, second) == ("TensorrtExecutionProvider", "CUDAExecutionProvider")
    assert options == {"device_id": 1, "trt_fp16_enable": True, "trt_min_subgraph_size": 7}


@pytest.mark.parametrize(
    ("precision", "mode"),
    [(None, "must_keep_origin_dtype"), ("fp32", "must_keep_origin_dtype"), ("fp16", "force_fp16")],
)
def test_an_npu_session_keeps_the_precision_that_was_asked_for(precision: str | None, mode: str) -> None:
    (name, options), _ = session(device="npu:3", precision=precision).providers
    assert (name, options) == ("CANNExecutionProvider", {"device_id": 3, "precision_mode": mode})


@pytest.mark.parametrize(
    ("device", "tensorrt", "provider"), [("gpu", False, "CUDA"), ("gpu", True, "Tensorrt"), ("npu", None, "CANN")]
)
def test_a_provider_that_the_build_lacks_is_an_error_and_never_the_cpu(
    device: str, tensorrt: bool | None, provider: str
) -> None:
    left = [name for name in ALL_PROVIDERS if not name.startswith(provider)]
    with pytest.raises(DeviceUnavailable, match=f"needs {provider}ExecutionProvider"):
        session(left, device=device, use_tensorrt=tensorrt)


def test_engine_config_adds_to_the_options_of_a_session() -> None:
    config: dict[str, object] = {"provider_options": {"arena_extend_strategy": "kSameAsRequested"}}
    (_, options), _ = session(device="gpu", engine_config=config).providers
    assert options["cudnn_conv_algo_search"] == "HEURISTIC"
    assert options["arena_extend_strategy"] == "kSameAsRequested"
    named = session(engine_config={"providers": ["XnnpackExecutionProvider", "CPUExecutionProvider"]})
    assert [name for name, _ in named.providers] == ["XnnpackExecutionProvider", "CPUExecutionProvider"]
    assert session(engine_config={"intra_op_num_threads": 1}).options["intra_op_num_threads"] == 1


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"providers": ["CUDAExecutionProvider"]}, "leaves out CPUExecutionProvider"),
        ({"provider_options": [{}, {}]}, "one mapping for each of 1 providers"),
        ({"provider_options": [3]}, "one mapping for each"),
        ({"execution_mode": "backwards"}, "use sequential, parallel"),
    ],
)
def test_an_engine_config_that_contradicts_itself_is_refused(config: dict[str, object], words: str) -> None:
    with pytest.raises(InvalidRequest, match=words):
        session(engine_config=config)


def test_a_real_session_obeys_its_options() -> None:
    config: dict[str, object] = {
        "onnxruntime": {"graph_optimization_level": 1, "execution_mode": "sequential", "enable_cpu_mem_arena": False}
    }
    weights = Zoo.at(None, "offline").resolve(find(Module.DOC_ORIENTATION, None))
    runtime = open_onnx(planned(engine_config=config), weights)
    assert runtime.run(np.zeros((2, 3, 224, 224), dtype=np.float32)).shape == (2, 4)


# --- OpenVINO


def test_openvino_computes_in_float32_unless_told_otherwise() -> None:
    properties = openvino.plan_properties(planned(engine="openvino"), has_bf16=True)
    assert properties["INFERENCE_PRECISION_HINT"] == "f32"
    assert properties["INFERENCE_NUM_THREADS"] == 3
    assert "CACHE_DIR" not in properties


def test_openvino_obeys_its_engine_config(tmp_path: Path) -> None:
    config: dict[str, object] = {
        "inference_precision": "bf16",
        "cache_dir": str(tmp_path),
        "cpu_threads": 2,
        "num_streams": 4,
    }
    properties = openvino.plan_properties(planned(engine="openvino", engine_config=config), has_bf16=True)
    assert properties["INFERENCE_PRECISION_HINT"] == "bf16"
    assert properties["CACHE_DIR"] == str(tmp_path)
    assert (properties["INFERENCE_NUM_THREADS"], properties["NUM_STREAMS"]) == (2, 4)
    with pytest.raises(InvalidRequest, match="use f32, bf16"):
        openvino.plan_properties(
            planned(engine="openvino", engine_config={"inference_precision": "int8"}), has_bf16=True
        )
    with pytest.raises(InvalidRequest, match="has no bf16"):
        openvino.plan_properties(planned(engine="openvino", engine_config=config), has_bf16=False)


@pytest.mark.parametrize(("has_bf16", "precision"), [(True, "bf16"), (False, "f32")])
def test_openvino_that_need_not_be_exact_computes_in_what_the_processor_is_fastest_in(
    has_bf16: bool, precision: str
) -> None:
    plan = plan_runtime(EngineOptions(), threads=4, exact=False, installed=lambda name: True)
    properties = openvino.plan_properties(replace(plan, streams=4), has_bf16=has_bf16)
    assert properties["INFERENCE_PRECISION_HINT"] == precision
    assert (properties["INFERENCE_NUM_THREADS"], properties["NUM_STREAMS"]) == (4, 4)


def test_openvino_absent_when_a_network_is_opened_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(ModelUnavailable, match="ocrfleet\\[openvino\\]"):
        open_onnx(planned(engine="openvino"), HeldWeights(b""))


# --- Paddle


def test_paddle_uses_onednn_with_ten_shapes_and_the_threads_of_the_engine() -> None:
    made = calls()
    assert made["set_mkldnn_cache_capacity"] == (10,)
    assert made["set_cpu_math_library_num_threads"] == (3,)
    assert "enable_mkldnn" in made
    assert "disable_mkldnn" not in made


def test_paddle_without_onednn_has_none_of_it() -> None:
    made = calls(enable_mkldnn=False)
    assert "disable_mkldnn" in made
    assert not {"enable_mkldnn", "set_mkldnn_cache_capacity"} & set(made)


def test_paddle_obeys_its_options_and_engine_config() -> None:
    assert calls(mkldnn_cache_capacity=4)["set_mkldnn_cache_capacity"] == (4,)
    config: dict[str, object] = {
        "run_mode": "mkldnn_bf16",
        "mkldnn_cache_capacity": 3,
        "cpu_threads": 7,
        "enable_new_ir": False,
        "delete_pass": ["some_pass"],
    }
    made = calls(engine_config=config)
    assert "enable_mkldnn_bfloat16" in made
    assert made["set_mkldnn_cache_capacity"] == (3,)
    assert made["set_cpu_math_library_num_threads"] == (7,)
    assert made["enable_new_ir"] == (False,)
    assert made["delete_pass"] == ("some_pass",)


@pytest.mark.parametrize(("precision", "value"), [("fp32", "Float32"), ("fp16", "Half")])
def test_paddle_on_a_gpu_starts_with_100_mb_and_its_precision(precision: str, value: str) -> None:
    made = calls(device="gpu:1", precision=precision)
    assert made["enable_use_gpu"] == (100, 1, f"precision.{value}")
    assert made["set_optimization_level"] == (3,)
    assert "enable_cinn" not in made
    assert "enable_cinn" in calls(device="gpu", enable_cinn=True)


def test_paddle_with_tensorrt_takes_precision_graph_size_and_shapes() -> None:
    shapes = {"x": [[1, 3, 32, 32], [1, 3, 736, 736], [1, 3, 4000, 4000]]}
    made = calls(
        pir=False,
        device="gpu",
        use_tensorrt=True,
        precision="fp16",
        min_subgraph_size=6,
        engine_config={"trt_dynamic_shapes": shapes},
    )
    assert made["enable_tensorrt_engine"][2:4] == (6, "precision.Half")
    assert made["set_trt_dynamic_shape_info"] == ({"x": shapes["x"][0]}, {"x": shapes["x"][2]}, {"x": shapes["x"][1]})


def test_paddle_with_tensorrt_refuses_what_it_cannot_read() -> None:
    with pytest.raises(InvalidRequest, match=r"inference\.pdmodel"):
        calls(pir=True, device="gpu", use_tensorrt=True)
    with pytest.raises(InvalidRequest, match="trt_dynamic_shapes"):
        calls(pir=False, device="gpu", use_tensorrt=True)


def test_a_run_mode_of_another_device_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="'mkldnn' is not for gpu:0; use paddle, paddle_fp16"):
        calls(device="gpu", engine_config={"run_mode": "mkldnn"})


@pytest.mark.parametrize("kind", ["npu", "mlu", "gcu", "iluvatar_gpu", "metax_gpu"])
def test_a_plugin_device_is_enabled_by_its_name_and_number(kind: str) -> None:
    assert calls(device=f"{kind}:2")["enable_custom_device"] == (kind, 2)


def test_an_xpu_and_a_dcu_have_calls_of_their_own() -> None:
    assert calls(device="xpu:2")["set_xpu_device_id"] == (2,)
    made = paddle.plan_predictor(planned(device="dcu:1"), pir=True).calls
    assert ("enable_use_gpu", (100, 1, "precision.Float32")) in made
    assert ("delete_pass", ("conv2d_add_fuse_pass",)) in made


def test_an_npu_finds_its_flags_in_the_environment() -> None:
    environment = paddle.plan_predictor(planned(engine="paddle", device="npu"), pir=True).environment
    assert environment["FLAGS_npu_jit_compile"] == "0"
    assert environment["CUSTOM_DEVICE_BLACK_LIST"].startswith("pad3d,")
    assert not paddle.plan_predictor(planned(engine="paddle"), pir=True).environment


def test_flags_that_come_too_late_are_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "m.json").touch()
    (tmp_path / "m.pdiparams").touch()
    monkeypatch.setitem(sys.modules, "paddle", object())
    with pytest.raises(DeviceUnavailable, match="set before paddle is imported"):
        open_paddle(planned(device="mlu"), tmp_path / "m.json", tmp_path / "m.pdiparams")


def test_paddle_absent_when_a_network_is_opened_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "m.json").touch()
    (tmp_path / "m.pdiparams").touch()
    monkeypatch.setitem(sys.modules, "paddle", None)
    with pytest.raises(ModelUnavailable, match=r"ocrfleet\[paddle\]"):
        open_paddle(planned(engine="paddle"), tmp_path / "m.json", tmp_path / "m.pdiparams")


# --- formats


def test_a_runtime_that_reads_another_format_says_which_engine_reads_it(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="choose engine='onnxruntime'"):
        open_onnx(planned(engine="paddle"), HeldWeights(b""))
    with pytest.raises(ModelUnavailable, match="choose engine='paddle'"):
        open_paddle(planned(), tmp_path / "inference.json", tmp_path / "inference.pdiparams")
    with pytest.raises(ModelUnavailable, match=r"there is no .*inference\.json"):
        open_paddle(planned(engine="paddle"), tmp_path / "inference.json", tmp_path / "inference.pdiparams")
