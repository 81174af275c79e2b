"""Which engine reads a job: the worker's own wherever that will do, and never more than a process may keep."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from pydantic import ValidationError

from ocr_engine import (
    EngineOptions,
    InvalidRequest,
    ModelUnavailable,
    OCREngine,
    OCRResult,
    OutOfMemory,
    PredictOptions,
)
from ocr_engine.options import PROFILE_NAMES
from ocr_engine.runtimes.plan import ENGINES
from ocr_engine.types import Image
from ocr_engine.zoo.languages import OCR_VERSIONS, languages
from producer.contract.jobs import OcrOptions
from producer.contract.models import LANGUAGES, ModelChoice
from producer.settings import Settings
from workers.engines import Engines, options_for

V5 = {"text_detection_model_name": "PP-OCRv5_mobile_det", "text_recognition_model_name": "PP-OCRv5_mobile_rec"}


class Builder:
    """Builds engines that read nothing; `open` are those that are not closed."""

    def __init__(self) -> None:
        self.built: list[Mapping[str, object]] = []
        self.open: list[FakeEngine] = []
        self.most_open = 0
        self.refused = 0
        self.has_memory = True

    def __call__(self, options: Mapping[str, object]) -> FakeEngine:
        if options.get("lang") == "korean":
            self.refused += 1
            raise ModelUnavailable("no weights")
        if not self.has_memory:
            raise OutOfMemory
        self.built.append(options)
        engine = FakeEngine(self)
        self.open.append(engine)
        self.most_open = max(self.most_open, len(self.open))
        return engine


class FakeEngine:
    profile, runtime, device = "default", "none", "cpu"

    def __init__(self, builder: Builder) -> None:
        self.models: dict[str, str] = {}
        self._builder = builder

    def warm_up(self) -> None:
        """There is nothing to warm."""

    def close(self) -> None:
        self._builder.open.remove(self)

    def predict_page(
        self, image: Image, *, input_path: str | None, page_index: int | None, options: PredictOptions | None
    ) -> OCRResult:
        raise NotImplementedError


def asked(**options: object) -> OcrOptions:
    return OcrOptions.model_validate(options)


def test_the_contract_knows_the_choices_of_the_engine() -> None:
    assert set(languages()) == LANGUAGES
    fields = ModelChoice.model_fields
    assert set(fields) <= set(EngineOptions.__dataclass_fields__)
    for name, values in {"profile": PROFILE_NAMES, "ocr_version": OCR_VERSIONS}.items():
        literal, _none = get_args(fields[name].annotation)
        assert set(get_args(literal)) == set(values)
    runtime, _none = get_args(Settings.model_fields["runtime"].annotation)
    assert set(get_args(runtime)) == set(ENGINES)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"lang": "en"},
        {"lang": "french", "ocr_version": "PP-OCRv6"},
        {"profile": "default"},
        {"text_recognition_model_name": "PP-OCRv6_small_rec"},
        {"use_doc_orientation_classify": True, "use_textline_orientation": False, "text_det_thresh": 0.4},
    ],
)
def test_a_job_that_needs_nothing_else_is_read_by_the_worker_s_own_engine(options: Mapping[str, object]) -> None:
    builder = Builder()
    engines = Engines(builder, {}, most=2)
    own = engines.of(asked())
    assert engines.of(asked(**options)) is own
    assert builder.built == [{}]


@pytest.mark.parametrize(
    "options",
    [
        {"lang": "ru"},
        {"profile": "paddleocr-3.7"},
        {"use_doc_unwarping": True},
        {"text_recognition_model_name": "PP-OCRv6_tiny_rec"},
        # Named, it searches every page: nothing looks first.
        {"text_detection_model_name": "PP-OCRv6_small_det"},
        V5,
    ],
)
def test_a_job_that_asks_for_more_has_an_engine_built_once(options: Mapping[str, object]) -> None:
    builder = Builder()
    engines = Engines(builder, {"effort": 0.7, "cpu_threads": 2}, most=2)
    own = engines.of(asked())
    other = engines.of(asked(**options))
    assert other is not own
    assert engines.of(asked(**options)) is other
    effort = {} if "profile" in options else {"effort": 0.7}
    assert builder.built[1:] == [{"cpu_threads": 2, **effort, **options}]


def test_a_model_by_name_is_not_the_one_of_that_name_in_a_worker_s_folder() -> None:
    builder = Builder()
    engines = Engines(builder, {"text_recognition_model_dir": "tuned"}, most=2)
    assert engines.of(asked(text_recognition_model_name="PP-OCRv6_small_rec")) is not engines.of(asked())


def test_the_engine_that_was_longest_out_of_use_makes_way_before_another_is_loaded() -> None:
    builder = Builder()
    engines = Engines(builder, {}, most=2)
    own, russian = engines.of(asked()), engines.of(asked(lang="ru"))
    assert engines.of(asked()) is own
    thai = engines.of(asked(lang="th"))
    assert builder.open == [own, thai]
    assert engines.of(asked(lang="ru")) is not russian
    assert builder.most_open == 2


def test_an_engine_that_cannot_be_had_leaves_a_worker_that_can_go_on() -> None:
    builder = Builder()
    engines = Engines(builder, {}, most=1)
    engines.of(asked())
    with pytest.raises(ModelUnavailable):
        engines.of(asked(lang="korean"))
    with pytest.raises(InvalidRequest, match="PP-OCRv9_det"):
        engines.of(asked(text_detection_model_name="PP-OCRv9_det"))
    assert engines.of(asked()) in builder.open


def test_what_a_job_names_takes_the_place_of_what_a_worker_was_told() -> None:
    own = EngineOptions.parse(
        {
            "profile": "paddleocr-3.7",
            "text_detection_model_dir": "det",
            "text_recognition_model_name": "PP-OCRv6_tiny_rec",
            "textline_orientation_model_dir": "lines",
            "text_det_thresh": 0.4,
        }
    )
    by_language = options_for(own, asked(lang="ru", text_det_thresh=0.5))
    assert by_language == EngineOptions(
        profile="paddleocr-3.7", lang="ru", textline_orientation_model_dir="lines", text_det_thresh=0.4
    )
    by_name = options_for(own, asked(textline_orientation_model_name="PP-LCNet_x0_25_textline_ori"))
    assert by_name == EngineOptions(
        profile="paddleocr-3.7",
        text_detection_model_dir="det",
        text_recognition_model_name="PP-OCRv6_tiny_rec",
        textline_orientation_model_name="PP-LCNet_x0_25_textline_ori",
        text_det_thresh=0.4,
    )


@pytest.mark.parametrize(
    ("own", "options", "expected"),
    [
        ({"lang": "ru"}, {"ocr_version": "PP-OCRv5"}, {"lang": "ru", "ocr_version": "PP-OCRv5"}),
        ({"lang": "ru"}, {"profile": "paddleocr-3.7"}, {"lang": "ru", "profile": "paddleocr-3.7"}),
        (
            {"lang": "ru"},
            {"text_detection_model_name": "PP-OCRv6_tiny_det"},
            {
                "text_detection_model_name": "PP-OCRv6_tiny_det",
                "text_recognition_model_name": "eslav_PP-OCRv5_mobile_rec",
            },
        ),
        (
            {"text_recognition_model_dir": "tuned"},
            {"text_detection_model_name": "PP-OCRv6_tiny_det"},
            {"text_detection_model_name": "PP-OCRv6_tiny_det", "text_recognition_model_dir": "tuned"},
        ),
        ({"text_recognition_model_dir": "tuned"}, {"lang": "en"}, {"lang": "en"}),
        # What a profile has and a job does not want is not loaded for it.
        (
            {},
            {"profile": "paddleocr-3.7", "use_doc_unwarping": False},
            {"profile": "paddleocr-3.7", "use_doc_unwarping": False},
        ),
        ({}, {"use_textline_orientation": False}, {}),
    ],
)
def test_what_a_job_leaves_out_stays_the_worker_s(
    own: dict[str, str], options: dict[str, object], expected: dict[str, object]
) -> None:
    assert options_for(EngineOptions.parse(own), asked(**options)) == EngineOptions.parse(expected)


def test_a_language_and_the_name_of_a_reader_are_two_answers() -> None:
    with pytest.raises(ValidationError, match="leave out their names"):
        asked(lang="ru", text_recognition_model_name="PP-OCRv6_small_rec")
    assert asked(lang="ru", textline_orientation_model_name="PP-LCNet_x0_25_textline_ori").lang == "ru"


def test_what_cannot_be_had_is_not_tried_again_for_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = 1000.0
    monkeypatch.setattr("workers.engines.time.monotonic", lambda: now_s)
    builder = Builder()
    engines = Engines(builder, {}, most=2)
    for _ in range(3):
        with pytest.raises(ModelUnavailable, match="no weights"):
            engines.of(asked(lang="korean"))
    assert builder.refused == 1
    now_s += 61
    for _ in range(3):
        with pytest.raises(ModelUnavailable):
            engines.of(asked(lang="korean"))
    assert builder.refused == 2


def test_an_engine_without_memory_makes_room_for_the_next_try() -> None:
    builder = Builder()
    engines = Engines(builder, {}, most=4)
    engines.of(asked())
    builder.has_memory = False
    with pytest.raises(OutOfMemory):
        engines.of(asked(lang="ru"))
    assert builder.open == []
    builder.has_memory = True
    assert engines.of(asked(lang="ru")) in builder.open


def test_what_is_at_hand_is_the_job_s_engine_or_the_last_one_or_the_own() -> None:
    builder = Builder()
    engines = Engines(builder, {}, most=3)
    own = engines.at_hand(asked(lang="ru"))
    assert builder.built == [{}]
    russian, thai = engines.of(asked(lang="ru")), engines.of(asked(lang="th"))
    assert (engines.at_hand(asked(lang="ru")), engines.at_hand(asked(lang="el"))) == (russian, thai)
    assert engines.at_hand(asked()) is own


def test_real_engines_read_with_what_is_asked_for(tmp_path: Path) -> None:
    own = {"model_source": "offline", "model_cache_dir": str(tmp_path), "cpu_threads": 1}

    def build(options: Mapping[str, object]) -> OCREngine:
        return OCREngine(**options)  # type: ignore[arg-type]  # any value; the engine checks them

    engines = Engines(build, own, most=1)
    blank = np.full((64, 64, 3), 255, dtype=np.uint8)
    named = engines.of(asked(**V5))
    assert named.models["text_recognition"].startswith("PP-OCRv5_mobile_rec@")
    named.predict_page(blank, input_path=None, page_index=None, options=None)
    with pytest.raises(ModelUnavailable):
        engines.of(asked(lang="ru"))
    with pytest.raises(InvalidRequest, match="closed"):
        named.predict_page(blank, input_path=None, page_index=None, options=None)
