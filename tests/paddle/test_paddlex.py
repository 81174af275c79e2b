"""engine="paddlex": PaddleX's own pipeline behind our options and results, and ours beside it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from benchmarks.drawn import sheet_of
from benchmarks.parity.cases import CASES, Case, case_named
from benchmarks.parity.compare import compare_pages
from benchmarks.parity.readers import OURS, PADDLEX, REFERENCE, open_reader
from ocr_engine import DeviceUnavailable, InvalidRequest, ModelUnavailable, OCREngine, OCRResult, PredictOptions
from ocr_engine.options import OptionValue
from ocr_engine.types import Image

# The library warns about its own imports.
pytestmark = pytest.mark.filterwarnings("default")

# Small: every case reads them with three engines.
HEIGHT_PX = 260


def page(seed: int = 0) -> Image:
    return sheet_of(seed).pixels[:HEIGHT_PX]


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """One upright, one turned."""
    folder = tmp_path_factory.mktemp("pages")
    drawn = {"upright.png": page(), "turned.png": np.rot90(page(5))}
    for name, pixels in drawn.items():
        cv2.imwrite(str(folder / name), pixels)
    return [folder / name for name in drawn]


def options_of(case: Case, models: Path, **more: OptionValue) -> dict[str, OptionValue]:
    """What `engine="paddlex"` takes for a case of the parity comparison."""
    options = case.options(models)
    return {**options, "engine": "paddlex", "engine_config": {"engine": str(options["engine"])}, **more}


@pytest.fixture(scope="session")
def engine(models: Path) -> Iterator[OCREngine]:
    with OCREngine(**options_of(case_named("turned"), models, cpu_threads=2, profile="paddleocr-3.7")) as loaded:
        yield loaded


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_ours_and_paddlex_read_drawn_pages_as_the_reference_does(case: Case, pages: list[Path], models: Path) -> None:
    options = case.options(models)
    reference = open_reader(REFERENCE, options, profile=case.profile)
    expected = {path: reference(path) for path in pages}
    assert all(res["rec_texts"] for found in expected.values() for res in found)
    # PaddleX is what the reference runs: two of its engines are enough.
    for side in (OURS, PADDLEX) if case.name in ("turned", "paddle") else (OURS,):
        reader = open_reader(side, options, profile=case.profile)
        for path in pages:
            (found,) = compare_pages(path.name, expected[path], reader(path))
            assert found.differences == ()
            assert found.exact == found.lines
            assert found.score_max < 1e-5


def test_its_results_have_the_fields_of_the_reference_and_are_saved_like_ours(
    engine: OCREngine, pages: list[Path], models: Path, tmp_path: Path
) -> None:
    (expected,) = open_reader(REFERENCE, case_named("turned").options(models), profile="paddleocr-3.7")(pages[1])
    (result,) = engine.predict(pages[1])
    assert result.json["res"] == expected
    assert list(result.json["res"]) == list(expected)
    assert json.loads(result.save_to_json(tmp_path).read_text(encoding="utf-8")) == expected
    assert [path.name for path in result.save_to_img(tmp_path)] == [
        "turned_ocr_res_img.png",
        "turned_preprocessed_img.png",
    ]
    assert engine.models["text_recognition"].startswith("PP-OCRv6_small_rec@5435fd747c9e")
    assert (engine.runtime, engine.device) == ("paddlex", "cpu")


def test_a_turned_page_is_mapped_back_to_its_own_pixels(engine: OCREngine, pages: list[Path]) -> None:
    (result,) = engine.predict(pages[1])
    assert result["doc_preprocessor_res"]["angle"] in (90, 180, 270)
    given = np.rot90(page(5))
    assert result.original_polys
    for polygon in result.original_polys:
        (left, top), (right, bottom) = np.min(polygon, axis=0), np.max(polygon, axis=0)
        assert given[top:bottom, left:right].min() < 100


def test_eight_threads_get_what_one_gets(engine: OCREngine) -> None:
    sheets = [page(5 * seed)[:120] for seed in range(8)]
    alone = [engine.predict_page(sheet).json for sheet in sheets]
    with ThreadPoolExecutor(8) as pool:
        together = [result.json for result in pool.map(engine.predict_page, sheets)]
    assert together == alone


@pytest.mark.parametrize(
    ("name", "value", "field"),
    [
        ("text_det_limit_side_len", 1000, "limit_side_len"),
        ("text_det_thresh", 0.05, "thresh"),
        ("text_det_box_thresh", 0.95, "box_thresh"),
        ("text_det_unclip_ratio", 3.0, "unclip_ratio"),
        ("text_det_max_side_limit", 320, "max_side_limit"),
    ],
)
def test_the_options_of_a_call_change_the_result(engine: OCREngine, name: str, value: OptionValue, field: str) -> None:
    before = engine.predict_page(page())
    after = engine.predict_page(page(), options=PredictOptions.parse({name: value}))
    assert after["text_det_params"][field] == value
    assert polygons(after) != polygons(before)


def polygons(result: OCRResult) -> list[Any]:
    return [polygon.tolist() for polygon in result["dt_polys"]]


def test_the_switches_of_a_call_change_the_result(engine: OCREngine) -> None:
    (off,) = engine.predict(
        page(), use_doc_orientation_classify=False, use_textline_orientation=False, return_word_box=False
    )
    assert set(off["textline_orientation_angles"]) == {-1}
    assert not {"doc_preprocessor_res", "text_word"} & off.keys()
    (strict,) = engine.predict(page(), text_rec_score_thresh=1.0)
    assert strict["rec_texts"] == []
    assert strict["dt_polys"]


REFUSED: list[tuple[Mapping[str, OptionValue], type[Exception], str]] = [
    ({"use_doc_unwarping": True}, InvalidRequest, "flattened"),
    (
        {"min_subgraph_size": 3, "use_tensorrt": True},
        InvalidRequest,
        "use_tensorrt=True means nothing to paddlex on cpu",
    ),
    ({"engine_config": {"engine": "transformers"}}, InvalidRequest, "use paddle, paddle_static, onnxruntime"),
    ({"engine_config": {"providers": []}}, InvalidRequest, "paddlex has no 'providers'"),
    (
        {"engine_config": {"engine": "onnxruntime", "engine_config": {"threads": 2}}},
        ModelUnavailable,
        "PaddleX cannot start on cpu",
    ),
    (
        {"textline_orientation_model_name": "ch_ppocr_mobile_v2.0_cls", "textline_orientation_model_dir": None},
        InvalidRequest,
        "cannot run the ch_ppocr_mobile_v2.0_cls",
    ),
    ({"device": "gpu:0", "engine_config": {"engine": "paddle"}}, DeviceUnavailable, "'gpu:0' is not there for Paddle"),
    ({"device": "gpu:0"}, DeviceUnavailable, "'gpu:0' needs CUDAExecutionProvider"),
    ({"device": "npu:0"}, InvalidRequest, "does not serve npu:0"),
]


@pytest.mark.parametrize(("options", "kind", "words"), REFUSED)
def test_what_cannot_be_mapped_is_refused(
    models: Path, options: Mapping[str, OptionValue], kind: type[Exception], words: str
) -> None:
    with pytest.raises(kind, match=words):
        OCREngine(**options_of(case_named("turned"), models, **options))


def test_a_module_that_was_not_built_is_refused(models: Path) -> None:
    with OCREngine(**options_of(case_named("plain"), models)) as plain:
        plain.warm_up()
        for option in ("use_doc_orientation_classify", "use_doc_unwarping", "use_textline_orientation"):
            with pytest.raises(InvalidRequest, match=f"{option}=True was asked for"):
                plain.predict(page(), **{option: True})


def test_the_batch_sizes_reach_paddlex(models: Path) -> None:
    """A score depends on its batch."""
    case = case_named("plain")
    with (
        OCREngine(**options_of(case, models)) as six,
        OCREngine(**options_of(case, models, text_recognition_batch_size=1)) as one,
    ):
        assert six.predict_page(page())["rec_scores"] != one.predict_page(page())["rec_scores"]
