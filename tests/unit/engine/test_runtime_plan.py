"""Which runtime serves an engine, and what each option means to each, without hardware."""

from __future__ import annotations

from pathlib import Path

import pytest

from ocr_engine import DeviceUnavailable, InvalidRequest, ModelUnavailable
from ocr_engine.device import KINDS, shows_gpu
from ocr_engine.options import EngineOptions, OptionValue
from ocr_engine.runtimes.plan import DEVICES, ENGINES, OPTIONS, plan_runtime
from tests.unit.engine.planning import planned, planned_with


@pytest.mark.parametrize(("engine", "name"), ENGINES.items())
def test_every_name_of_an_engine_is_accepted(engine: str, name: str) -> None:
    assert planned(engine=engine).name == name


@pytest.mark.parametrize("engine", ["paddle_dynamic", "transformers", "tensorflow"])
def test_an_engine_that_is_not_in_this_build_is_refused_with_those_that_are(engine: str) -> None:
    with pytest.raises(InvalidRequest, match="use onnxruntime, openvino, paddle, paddle_static"):
        planned(engine=engine)


@pytest.mark.parametrize(
    ("able", "options", "runtime", "device"),
    [
        ({"onnxruntime"}, {}, "onnxruntime", "gpu:0"),
        ({"onnxruntime"}, {"device": "cpu"}, "onnxruntime", "cpu"),
        ({"onnxruntime"}, {"device": "gpu:1"}, "onnxruntime", "gpu:1"),
        ({"onnxruntime"}, {"engine": "openvino"}, "openvino", "cpu"),
        ({"onnxruntime"}, {"engine": "paddle"}, "paddle", "cpu"),
        ({"paddle"}, {"engine": "paddle"}, "paddle", "gpu:0"),
        # The runtime that would be chosen for a GPU is not the one that can use it.
        ({"paddle"}, {}, "onnxruntime", "cpu"),
        (set(), {}, "onnxruntime", "cpu"),
    ],
)
def test_without_a_name_the_device_is_the_first_gpu_that_can_be_used(
    able: set[str], options: dict[str, OptionValue], runtime: str, device: str
) -> None:
    parsed = EngineOptions.parse(options)
    plan = plan_runtime(parsed, threads=1, installed=lambda name: True, on_gpu=able.__contains__)
    assert (plan.name, str(plan.device)) == (runtime, device)


def test_a_gpu_shows_among_the_devices_and_may_be_hidden(tmp_path: Path) -> None:
    (tmp_path / "nvidia-modeset").touch()
    assert not shows_gpu(tmp_path, {})
    (tmp_path / "nvidia0").touch()
    assert shows_gpu(tmp_path, {})
    assert shows_gpu(tmp_path, {"CUDA_VISIBLE_DEVICES": "1"})
    assert not shows_gpu(tmp_path, {"CUDA_VISIBLE_DEVICES": ""})
    assert not shows_gpu(tmp_path, {"CUDA_VISIBLE_DEVICES": "-1"})


@pytest.mark.parametrize("kind", KINDS)
def test_every_device_has_a_runtime_by_default(kind: str) -> None:
    name = "onnxruntime" if kind in DEVICES["onnxruntime"] else "paddle"
    assert planned(device=kind).name == name


def test_a_device_that_the_engine_cannot_use_names_engines_that_can() -> None:
    with pytest.raises(DeviceUnavailable, match="'openvino' cannot use device='gpu:0'; engines that can: onnxruntime"):
        planned(engine="openvino", device="gpu")
    with pytest.raises(DeviceUnavailable, match="engines that can: paddle"):
        planned(engine="onnxruntime", device="mlu:1")


@pytest.mark.parametrize(
    ("installed", "device", "name"),
    [
        ({"openvino", "onnxruntime"}, "cpu", "openvino"),
        ({"onnxruntime"}, "cpu", "onnxruntime"),
        ({"openvino", "onnxruntime", "paddle"}, "gpu", "onnxruntime"),
        ({"openvino", "paddle"}, "gpu", "paddle"),
        ({"onnxruntime", "paddle"}, "dcu", "paddle"),
    ],
)
def test_hpi_takes_the_fastest_engine_installed_and_says_why(installed: set[str], device: str, name: str) -> None:
    plan = planned_with(installed, enable_hpi=True, device=device)
    assert plan.name == name
    assert "enable_hpi: the fastest installed" in plan.reason


def test_hpi_and_an_engine_contradict_each_other() -> None:
    with pytest.raises(InvalidRequest, match="enable_hpi=True chooses the engine"):
        planned(enable_hpi=True, engine="onnxruntime")
    assert planned(enable_hpi=False, engine="openvino").name == "openvino"


@pytest.mark.parametrize("engine", ["openvino", "paddle"])
def test_an_engine_that_is_not_installed_says_what_to_install(engine: str) -> None:
    with pytest.raises(ModelUnavailable, match="not installed; run pip install"):
        planned_with({"onnxruntime"}, engine=engine)


def test_hpi_without_any_engine_says_what_to_install() -> None:
    with pytest.raises(ModelUnavailable, match="not installed"):
        planned_with(set(), enable_hpi=True)


# --- options


ASKED: list[tuple[str, OptionValue]] = [
    ("use_tensorrt", True),
    ("min_subgraph_size", 5),
    ("precision", "fp16"),
    ("enable_mkldnn", True),
    ("mkldnn_cache_capacity", 4),
    ("enable_cinn", True),
]


def test_the_table_and_these_tests_speak_of_the_same_options() -> None:
    assert {name for name, _ in ASKED} == set(OPTIONS)


@pytest.mark.parametrize(("name", "value"), ASKED)
@pytest.mark.parametrize("engine", ["onnxruntime", "openvino", "paddle"])
def test_an_option_is_obeyed_or_refused_with_the_engine_that_would_take_it(
    engine: str, name: str, value: OptionValue
) -> None:
    for kind in DEVICES[engine]:
        companion: dict[str, OptionValue] = (
            {"use_tensorrt": True} if name in ("min_subgraph_size", "precision") and kind == "gpu" else {}
        )
        options = {"engine": engine, "device": kind, name: value, **companion}
        if kind in OPTIONS[name].by.get(engine, ()):
            # oneDNN on is the default: its opposite is what changes the plan.
            other = {**companion, "enable_mkldnn": False} if name == "enable_mkldnn" else companion
            assert planned(**options) != planned(engine=engine, device=kind, **other)
        elif value in OPTIONS[name].idle:  # what the reference does by default, and others in their own way
            assert planned(**options).name == engine
        else:
            with pytest.raises(InvalidRequest, match=rf"{name}=.* means nothing to {engine} on .*engine='paddle' on"):
                planned(**options)


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino", "paddle"])
def test_the_references_own_defaults_are_accepted_everywhere(engine: str) -> None:
    named = planned(engine=engine, enable_mkldnn=True, mkldnn_cache_capacity=10, min_subgraph_size=3)
    assert named == planned(engine=engine)


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino", "paddle"])
def test_a_value_that_asks_for_nothing_is_accepted_everywhere(engine: str) -> None:
    plan = planned(
        engine=engine,
        use_tensorrt=False,
        min_subgraph_size=None,
        precision="fp32",
        enable_mkldnn=False,
        mkldnn_cache_capacity=None,
        enable_cinn=False,
    )
    assert plan.name == engine


def test_options_that_speak_of_what_is_off_are_refused() -> None:
    with pytest.raises(InvalidRequest, match="add use_tensorrt=True"):
        planned(device="gpu", min_subgraph_size=5)
    with pytest.raises(InvalidRequest, match="add use_tensorrt=True"):
        planned(device="gpu", precision="fp16")
    with pytest.raises(InvalidRequest, match="leave out enable_mkldnn=False"):
        planned(engine="paddle", enable_mkldnn=False, mkldnn_cache_capacity=5)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"precision": "int8"}, "use fp32, fp16"),
        ({"min_subgraph_size": 0}, "between 1 and"),
        ({"mkldnn_cache_capacity": -1}, "between 0 and"),
        ({"engine_config": "fast"}, "a mapping of names to values"),
        ({"engine_config": {"speed": 1}}, "onnxruntime has no 'speed'; it has providers"),
        ({"engine_config": {"intra_op_num_threads": "2"}}, "must be int"),
        ({"engine_config": {"intra_op_num_threads": True}}, "must be int"),
        ({"engine_config": {"openvino": 3}}, "must hold the options"),
        ({"engine_config": {"openvino": {}, "cpu_threads": 3}}, "move cpu_threads under"),
    ],
)
def test_a_bad_value_is_named(options: dict[str, OptionValue], words: str) -> None:
    with pytest.raises(InvalidRequest, match=words):
        planned(**options)


def test_engine_config_is_flat_or_under_the_name_of_an_engine() -> None:
    flat = planned(engine="paddle", engine_config={"run_mode": "paddle"})
    keyed = planned(
        engine="paddle",
        engine_config={"paddle_static": {"run_mode": "paddle"}, "onnxruntime": {"intra_op_num_threads": 9}},
    )
    assert flat == keyed
    assert keyed.config == {"run_mode": "paddle"}


def test_paddlex_is_said_to_be_missing_where_it_is() -> None:
    missing = r"engine='paddlex' is not installed; run pip install 'ocrfleet\[paddle\]'"
    with pytest.raises(ModelUnavailable, match=missing):
        planned_with({"onnxruntime", "paddle"}, engine="paddlex")


def test_enable_hpi_is_paddlex_own_choice_where_paddlex_was_chosen() -> None:
    plan = planned(engine="paddlex", enable_hpi=True, device="xpu:1")
    assert (plan.name, plan.enable_hpi, str(plan.device)) == ("paddlex", True, "xpu:1")
    assert not planned(enable_hpi=True).enable_hpi
