"""Every documented parameter has a case here in which it changes what comes out, or is refused by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from ocr_engine import EngineError, OCREngine, OCRResult
from ocr_engine.geometry import rotate_quarter
from ocr_engine.loading import ModelLoader
from ocr_engine.options import DEPRECATED, PARAMETERS, SPELLINGS, EngineOptions, OptionValue
from ocr_engine.profiles import resolved_options
from ocr_engine.runtimes import Runtime
from ocr_engine.runtimes.plan import RuntimePlan, plan_runtime
from ocr_engine.types import Classes, Image, Tensor
from ocr_engine.zoo.files import ModelFiles
from tests.unit.engine.drawing import LINES, bgr, sheet

Options: TypeAlias = Mapping[str, OptionValue]

# The tables of the document that the engine answers to, with its spelling of the line orientation.
SEED = """
doc_orientation_classify_model_name doc_orientation_classify_model_dir doc_unwarping_model_name
doc_unwarping_model_dir text_detection_model_name text_detection_model_dir text_line_orientation_model_name
text_line_orientation_model_dir text_line_orientation_batch_size text_recognition_model_name
text_recognition_model_dir text_recognition_batch_size use_doc_orientation_classify use_doc_unwarping
use_textline_orientation text_det_limit_side_len text_det_limit_type text_det_thresh text_det_box_thresh
text_det_unclip_ratio text_det_input_shape text_rec_score_thresh text_rec_input_shape lang ocr_version device
enable_hpi use_tensorrt min_subgraph_size precision enable_mkldnn cpu_threads
"""
# What the current release takes beside those.
SINCE = """
textline_orientation_model_name textline_orientation_model_dir textline_orientation_batch_size return_word_box engine
engine_config mkldnn_cache_capacity enable_cinn paddlex_config
"""


@dataclass(frozen=True)
class Call:
    """In a call: the result differs from that of a call with `beside` alone."""

    value: OptionValue
    beside: Options = field(default_factory=dict)


@dataclass(frozen=True)
class Built(Call):
    """In an engine: the models, the batches or the result differ."""


@dataclass(frozen=True)
class Plan(Call):
    """In the plan of the runtime, which its own tests follow to the library."""


@dataclass(frozen=True)
class Refused(Call):
    """With a message that has these words."""

    words: str = ""


OFFLINE: Options = {"model_source": "offline"}
NO_MODEL = Path("no-such-folder")
CASES: Mapping[str, Call] = {
    "use_doc_orientation_classify": Call(False),
    "use_textline_orientation": Call(False, {"use_doc_orientation_classify": False}),
    "return_word_box": Call(True),
    "text_det_limit_side_len": Call(300),
    "text_det_limit_type": Call("max", {"text_det_limit_side_len": 300}),
    "text_det_thresh": Call(0.05),
    "text_det_box_thresh": Call(0.99),
    "text_det_unclip_ratio": Call(3.0),
    "text_det_max_side_limit": Call(320),
    "text_rec_score_thresh": Call(1.0),
    "use_doc_unwarping": Built(True),
    "text_det_input_shape": Built((3, 320, 320)),
    "text_rec_input_shape": Built([3, 48, 640]),
    "textline_orientation_model_name": Built("ch_ppocr_mobile_v2.0_cls"),
    "textline_orientation_batch_size": Built(1),
    "text_detection_model_name": Built("PP-OCRv5_mobile_det"),
    "text_recognition_model_name": Built("PP-OCRv5_mobile_rec"),
    "text_recognition_batch_size": Built(1),
    "effort": Built(0.0),
    "cpu_threads": Built(1),
    "paddlex_config": Built({"SubModules": {"TextRecognition": {"batch_size": 1}}}),
    "doc_orientation_classify_model_name": Refused("PP-LCNet", words="doc_orientation_model_name='PP-LCNet'"),
    "doc_unwarping_model_name": Refused("DocTr", words="doc_unwarping_model_name='DocTr'"),
    "doc_orientation_classify_model_dir": Refused(NO_MODEL, words="no-such-folder of PP-LCNet_x1_0_doc_ori"),
    "doc_unwarping_model_dir": Refused(NO_MODEL, {"use_doc_unwarping": True}, words="no-such-folder of UVDoc"),
    "textline_orientation_model_dir": Refused(NO_MODEL, words="no-such-folder of PP-LCNet_x1_0_textline_ori"),
    "text_detection_model_dir": Refused(NO_MODEL, words="no-such-folder of PP-OCRv6_small_det"),
    "text_recognition_model_dir": Refused(NO_MODEL, words="no-such-folder of PP-OCRv6_small_rec"),
    "model_cache_dir": Refused("elsewhere", {**OFFLINE, "lang": "korean"}, words="elsewhere/korean_PP-OCRv5"),
    "model_source": Refused("nowhere", words="model_source='nowhere'"),
    "profile": Refused("paddleocr-3.7", OFFLINE, words="PP-OCRv6_medium_rec is not here"),
    "lang": Refused("th", OFFLINE, words="th_PP-OCRv5_mobile_rec is not here"),
    "ocr_version": Refused("PP-OCRv3", OFFLINE, words="PP-OCRv3_mobile_det is not here"),
    "device": Refused("gpu:0", words="device='gpu:0'"),
    "engine": Plan("openvino"),
    "engine_config": Plan({"intra_op_num_threads": 1}),
    "enable_hpi": Plan(True),
    "use_tensorrt": Plan(True, {"device": "gpu"}),
    "min_subgraph_size": Plan(9, {"device": "gpu", "use_tensorrt": True}),
    "precision": Plan("fp16", {"device": "npu"}),
    "enable_mkldnn": Plan(False, {"engine": "paddle"}),
    "mkldnn_cache_capacity": Plan(3, {"engine": "paddle"}),
    "enable_cinn": Plan(True, {"engine": "paddle", "device": "gpu"}),
}


def of_kind(kind: type[Call]) -> list[str]:
    return [name for name, case in CASES.items() if type(case) is kind]


def test_no_documented_parameter_is_without_a_case() -> None:
    documented = {SPELLINGS.get(name, name) for name in (SEED + SINCE).split()} | {one.name for one in PARAMETERS}
    assert documented == set(CASES)


def test_the_help_says_the_defaults_of_our_profile_and_of_the_reference() -> None:
    def said(value: object) -> str:
        if value is None:  # of the side limit
            return "by page, 1600 of most"
        return f"{value:g}" if isinstance(value, float) else str(value)

    ours, reference = (resolved_options(EngineOptions(profile=name)) for name in (None, "paddleocr-3.7"))
    told = [one for one in PARAMETERS if one.per_call and "Default: " in one.help]
    assert len(told) > 8
    for one in told:
        default, other = said(ours[one.name]), said(reference[one.name])
        profiles = "paddleocr-3.7" if one.name == "text_det_limit_side_len" else "paddleocr-*"
        expected = f"Default: {default}." if default == other else f"Default: {default}; {profiles}: {other}."
        assert one.help.endswith(expected), one.name


@pytest.fixture(scope="module")
def page() -> Image:
    """Two lines, upside down."""
    return rotate_quarter(bgr(sheet(LINES[:2], size=(700, 190))), 180)


# Any: the fields of a result.
def seen(result: OCRResult) -> dict[str, Any]:
    """The result without the fields that only repeat the options."""
    fields: dict[str, Any] = dict(result.json["res"])
    for name in ("text_det_params", "text_rec_score_thresh", "return_word_box", "model_settings"):
        del fields[name]
    fields.pop("doc_preprocessor_res", None)
    return fields


@pytest.mark.parametrize("name", of_kind(Call))
def test_a_call_with_it_gives_another_result(engine: OCREngine, page: Image, name: str) -> None:
    case = CASES[name]
    (before,) = engine.predict(page, pages=None, **case.beside)
    (after,) = engine.predict(page, pages=None, **case.beside, **{name: case.value})
    assert seen(after) != seen(before)


def test_each_limit_type_is_another_size(engine: OCREngine, page: Image) -> None:
    read = [engine.predict(page, text_det_limit_type=kind)[0] for kind in ("min", "resize_long")]
    assert [one["text_det_params"]["limit_type"] for one in read] == ["min", "resize_long"]
    assert seen(read[0]) != seen(read[1])


Observe: TypeAlias = Callable[[Options], tuple[object, ...]]


@pytest.fixture(scope="module")
def observe(page: Image) -> Iterator[Observe]:
    """Build an engine and read the page: the models, the plans they were opened with, every batch, the result."""
    recorded: list[object] = []

    class Recorded:
        def __init__(self, runtime: Runtime) -> None:
            self.metadata, self.precision = runtime.metadata, runtime.precision
            self._runtime = runtime

        def run(self, batch: Tensor, /) -> Tensor:
            return self.run_all(batch)[0]

        def run_all(self, batch: Tensor, /) -> tuple[Tensor, ...]:
            recorded.append(batch.shape)
            return self._runtime.run_all(batch)

        def best(self, batch: Tensor, /) -> tuple[Classes, Tensor]:
            recorded.append(batch.shape)
            return self._runtime.best(batch)

    opened = ModelLoader.open

    def recording(loader: ModelLoader, files: ModelFiles, *, streams: int = 1, few_shapes: bool = False) -> Runtime:
        recorded.append(loader.plan)
        return Recorded(opened(loader, files, streams=streams, few_shapes=few_shapes))

    def observed(options: Options) -> tuple[object, ...]:
        recorded.clear()
        with OCREngine(**{"cpu_threads": 2, "use_doc_orientation_classify": False} | dict(options)) as built:
            (result,) = built.predict(page)
            # Two threads read lines: which of two batches begins first is chance.
            return built.models, sorted(map(str, recorded)), seen(result)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ModelLoader, "open", recording)
        yield observed


@pytest.fixture(scope="module")
def plain(observe: Observe) -> tuple[object, ...]:
    return observe({})


@pytest.mark.parametrize("name", of_kind(Built))
def test_an_engine_with_it_works_in_another_way(observe: Observe, plain: tuple[object, ...], name: str) -> None:
    assert observe({name: CASES[name].value}) != plain


def test_an_engine_works_in_the_same_way_twice(observe: Observe, plain: tuple[object, ...]) -> None:
    assert observe({}) == plain


@pytest.mark.parametrize("name", of_kind(Plan))
def test_the_runtime_is_planned_in_another_way(name: str) -> None:
    case = CASES[name]

    def planned(options: Options) -> RuntimePlan:
        return plan_runtime(EngineOptions.parse(options), threads=2, installed=lambda _: True)

    assert planned({**case.beside, name: case.value}) != planned(case.beside)


@pytest.mark.parametrize("name", of_kind(Refused))
def test_it_is_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    case = CASES[name]
    monkeypatch.chdir(tmp_path)
    assert isinstance(case, Refused)
    with pytest.raises(EngineError) as raised:
        OCREngine(**{"model_cache_dir": tmp_path, **case.beside, name: case.value})
    assert case.words in raised.value.message


@pytest.mark.parametrize(("old", "new"), (SPELLINGS | DEPRECATED).items())
def test_another_name_means_the_same_and_both_together_are_refused(old: str, new: str) -> None:
    value = CASES[new].value
    if old in DEPRECATED:
        with pytest.warns(DeprecationWarning, match=f"{old} is the 2.x name of {new}"):
            renamed = EngineOptions.parse({old: value})
    else:
        renamed = EngineOptions.parse({old: value})
    assert renamed == EngineOptions.parse({new: value})
    assert EngineOptions.parse({old: None, new: value}) == EngineOptions.parse({new: value})
    with pytest.raises(EngineError, match=f"{new} was given under two names"):
        EngineOptions.parse({old: value, new: value})


def test_a_device_in_a_call_is_the_engines_own_or_refused(engine: OCREngine, page: Image) -> None:
    assert engine.predict(page, device="cpu")[0].json == engine.predict(page, device=None)[0].json
    with pytest.raises(EngineError, match="this engine is on cpu; build another"):
        engine.predict(page, device="gpu:0")
