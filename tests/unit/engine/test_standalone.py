"""The five networks by themselves: their names, fields, defaults, files and refusals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import PIL.Image
import pytest
import yaml

from ocr_engine import (
    DocImgOrientationClassification,
    InvalidRequest,
    OCREngine,
    TextDetection,
    TextImageUnwarping,
    TextLineOrientationClassification,
    TextRecognition,
)
from ocr_engine.options import OptionValue
from ocr_engine.standalone import StandaloneModule, settings_of
from ocr_engine.types import Image
from ocr_engine.zoo.registry import Module, find
from ocr_engine.zoo.resolve import Zoo
from tests.unit.engine.drawing import LINES, bgr, encoded, pdf, saved, sheet

MODULES = (
    DocImgOrientationClassification,
    TextDetection,
    TextImageUnwarping,
    TextLineOrientationClassification,
    TextRecognition,
)

# Any: whatever network it holds.
Kind: TypeAlias = type[StandaloneModule[Any]]


def crops() -> list[Image]:
    page = bgr(sheet())
    return [np.ascontiguousarray(page[40 + 90 * row : 95 + 90 * row, 50:850]) for row in range(len(LINES))]


def test_turned_pages_are_classified_with_the_likeliest_class_first() -> None:
    with DocImgOrientationClassification(topk=2) as module:
        upright, turned = module.predict([bgr(sheet()), np.ascontiguousarray(np.rot90(bgr(sheet())))], batch_size=2)
        (all_four,) = module.predict(bgr(sheet()), topk=4)
    assert list(upright) == ["input_path", "page_index", "class_ids", "scores", "label_names"]
    assert (upright["label_names"][0], turned["label_names"][0], len(turned["scores"])) == ("0", "270", 2)
    assert sorted(all_four["label_names"]) == ["0", "180", "270", "90"]
    assert sum(all_four["scores"]) == pytest.approx(1, abs=1e-3)
    assert upright["class_ids"].dtype == np.int32


def test_upside_down_lines_are_each_classified_in_a_batch_of_several() -> None:
    upright = crops()[0]
    upside_down = np.ascontiguousarray(np.rot90(upright, 2))
    with TextLineOrientationClassification() as module:
        results = module.predict([upright, upside_down, upright], batch_size=3)
    assert [result["label_names"] for result in results] == [["0_degree"], ["180_degree"], ["0_degree"]]


def test_crops_are_read_as_they_are_in_a_pipeline_with_the_same_batches(engine: OCREngine) -> None:
    with TextRecognition(cpu_threads=2) as module:
        single = module.predict(crops())
        together = module.predict(crops(), batch_size=6)
    assert list(single[0]) == ["input_path", "page_index", "rec_text", "rec_score"]
    texts = [result["rec_text"] for result in single]
    assert texts == [result["rec_text"] for result in together] == engine.predict_page(bgr(sheet()))["rec_texts"]
    assert all(isinstance(result["rec_score"], float) for result in single)


def test_a_detector_by_itself_has_the_thresholds_it_was_published_with() -> None:
    page = bgr(sheet())
    with TextDetection(cpu_threads=2) as module:
        (own,) = module.predict(page)
        (same,) = module.predict(
            page, limit_side_len=64, limit_type="min", thresh=0.3, box_thresh=0.6, unclip_ratio=1.5
        )
    # On the same runtime and from the same input: bf16, or pixels from -1 to 1, move a corner by a pixel.
    with OCREngine(
        profile="paddleocr-3.7",
        engine="onnxruntime",
        cpu_threads=2,
        text_detection_model_name="PP-OCRv6_small_det",
        text_recognition_model_name="PP-OCRv6_small_rec",
        use_doc_orientation_classify=False,
        use_doc_unwarping=False,
        use_textline_orientation=False,
        text_det_limit_side_len=64,
    ) as exact:
        (piped,) = exact.predict(page, text_det_thresh=0.3, text_det_box_thresh=0.6, text_det_unclip_ratio=1.5)
    assert list(own) == ["input_path", "page_index", "dt_polys", "dt_scores"]
    assert own["dt_polys"].shape == (len(LINES), 4, 2)
    assert len(own["dt_scores"]) == len(LINES)
    assert all(0.45 <= score <= 1 for score in own["dt_scores"])
    assert sorted(same["dt_polys"].tolist()) == sorted(polygon.tolist() for polygon in piped["dt_polys"])
    assert sorted(own["dt_polys"].tolist()) != sorted(same["dt_polys"].tolist())


@pytest.mark.parametrize(
    ("name", "thresholds", "candidates"),
    [("PP-OCRv6_small_det", (0.2, 0.45, 1.4), 3000), ("PP-OCRv5_mobile_det", (0.3, 0.6, 1.5), 1000)],
)
def test_a_detector_whose_package_has_no_description_has_that_of_its_generation(
    tmp_path: Path, name: str, thresholds: tuple[float, float, float], candidates: int
) -> None:
    files = Zoo.at(tmp_path, "offline").resolve(find(Module.TEXT_DETECTION, name))
    settings = settings_of(files)
    assert files.max_candidates == candidates
    assert (settings.thresh, settings.box_thresh, settings.unclip_ratio) == thresholds
    assert (settings.limit_side_len, settings.limit_type, settings.max_side_limit) == (960, "max", 4000)


def test_a_description_beside_the_weights_wins(tmp_path: Path) -> None:
    name = "PP-OCRv4_mobile_seal_det"
    saved(tmp_path, "inference.onnx", b"weights")
    description = {
        "Global": {"model_name": name},
        "PreProcess": {"transform_ops": [{"DetResizeForTest": {"resize_long": 640}}]},
        "PostProcess": {"name": "DBPostProcess", "thresh": 0.15, "box_thresh": 0.35},
    }
    saved(tmp_path, "inference.yml", yaml.safe_dump(description).encode())
    model = find(Module.TEXT_DETECTION, name)
    settings = settings_of(Zoo.at(tmp_path, "offline").resolve(model, directory=tmp_path))
    assert (settings.thresh, settings.box_thresh, settings.unclip_ratio) == (0.15, 0.35, 1.5)
    assert (settings.limit_side_len, settings.limit_type) == (640, "min")


def test_a_flat_page_is_saved_as_a_picture_and_left_out_of_the_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = saved(tmp_path, "curved.png", encoded(sheet(size=(300, 200)), "PNG"))
    with TextImageUnwarping(cpu_threads=2) as module:
        (result,) = module.predict(source)
    assert result["doctr_img"].shape == (200, 300, 3)
    result.print(json_format=True)
    assert json.loads(capsys.readouterr().out)["res"]["doctr_img"] == "..."
    assert [path.name for path in result.save_all(tmp_path / "out")] == ["curved_res.json", "curved_res.png"]
    with PIL.Image.open(tmp_path / "out" / "curved_res.png") as picture:
        assert picture.size == (300, 200)


@pytest.mark.parametrize("kind", MODULES)
def test_every_module_reads_documents_and_saves_under_their_names(tmp_path: Path, kind: Kind) -> None:
    small = sheet(LINES[:1], size=(700, 120))
    source = saved(tmp_path, "doc.pdf", pdf(small, small))
    with kind(cpu_threads=2) as module:
        results = module.predict(source, batch_size=2)
        assert module.model.startswith(find(module.module, None).name)
    assert [(result["input_path"], result["page_index"]) for result in results] == [(str(source), 0), (str(source), 1)]
    names = [path.name for path in results[1].save_all(tmp_path / "out")]
    assert names == ["doc_1_res.json", "doc_1_res.png"]
    assert json.loads((tmp_path / "out" / names[0]).read_text(encoding="utf-8")) == results[1].json["res"]
    with pytest.raises(InvalidRequest, match="closed"):
        module.predict(source)


REFUSED: list[tuple[Kind, dict[str, OptionValue], str]] = [
    (TextDetection, {"topk": 1}, "unknown option 'topk'; known are model_name, model_dir, limit_side_len"),
    (TextDetection, {"text_det_thresh": 0.2}, "unknown option"),
    (TextDetection, {"thresh": 2}, "thresh=2"),
    (TextDetection, {"input_shape": (3, 33, 32)}, "input_shape"),
    (TextDetection, {"model_name": "PP-OCRv6_small_rec"}, "it has PP-OCRv6_small_det"),
    (TextRecognition, {"input_shape": (3, 10, 10)}, "does not fit"),
    (DocImgOrientationClassification, {"topk": 0}, "topk=0"),
    (DocImgOrientationClassification, {"thresh": 0.2}, "known are .*topk"),
]


@pytest.mark.parametrize(("kind", "options", "words"), REFUSED)
def test_a_bad_option_of_a_module_is_named(kind: Kind, options: dict[str, OptionValue], words: str) -> None:
    with pytest.raises(InvalidRequest, match=words):
        kind(**options)


def test_a_bad_option_of_a_call_is_named() -> None:
    with TextDetection(input_shape=(3, 320, 320), cpu_threads=1) as module:
        assert len(module.predict(bgr(sheet()))[0]["dt_polys"]) > 0
        with pytest.raises(InvalidRequest, match="unknown option 'input_shape'"):
            module.predict(bgr(sheet()), input_shape=(3, 320, 320))
        with pytest.raises(InvalidRequest, match="batch_size=0"):
            module.predict(bgr(sheet()), batch_size=0)
