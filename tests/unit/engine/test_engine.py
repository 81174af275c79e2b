"""The engine through its public name, on drawn pages and the real weights."""

from __future__ import annotations

import difflib
import json
from pathlib import Path

import numpy as np
import PIL.Image
import PIL.ImageDraw
import pytest

from ocr_engine import (
    DeviceUnavailable,
    InvalidRequest,
    ModelUnavailable,
    OCREngine,
    OCRResult,
    PredictOptions,
    SourceNotFound,
    UnsupportedMedia,
)
from ocr_engine.fonts import face
from ocr_engine.geometry import rotate_quarter
from ocr_engine.options import OptionValue
from tests.unit.engine.drawing import LINES, bgr, encoded, pdf, saved, sheet


def similarity(read: list[str], drawn: tuple[str, ...] = LINES) -> float:
    """Share of characters read right, spaces aside."""
    ours, theirs = ("".join("".join(lines).split()) for lines in (read, drawn))
    return difflib.SequenceMatcher(None, ours, theirs, autojunk=False).ratio()


def test_drawn_pages_are_read_to_98_percent(result: OCRResult) -> None:
    assert len(result["rec_texts"]) == len(LINES)
    assert similarity(result["rec_texts"]) >= 0.98


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_turned_page_is_read_and_mapped_back_to_its_own_pixels(
    engine: OCREngine, result: OCRResult, turns: int
) -> None:
    page = np.ascontiguousarray(np.rot90(bgr(sheet()), turns))
    turned = engine.predict_page(page)
    assert turned["doc_preprocessor_res"]["angle"] == 360 - 90 * turns
    assert similarity(turned["rec_texts"]) >= 0.98
    assert turned.original_polys is not None and result.original_polys is not None
    assert (turned.height, turned.width) == page.shape[:2]
    # The ink that the polygons enclose on the page as given.
    for polygon in turned.original_polys:
        left, top = np.min(polygon, axis=0)
        right, bottom = np.max(polygon, axis=0)
        inside = page[top:bottom, left:right]
        assert inside.min() < 100
    assert len(turned.original_polys) == len(result.original_polys)


@pytest.mark.parametrize(
    ("size", "step", "font_px"),
    [
        pytest.param((1000, 12_000), 400, 20, id="twelve times as long as wide"),
        pytest.param((12_000, 1000), 40, 20, id="twelve times as wide as long"),
        pytest.param((6000, 8400), 320, 24, id="small print on a large page"),
    ],
)
def test_no_line_of_a_page_of_unusual_size_is_lost(
    engine: OCREngine, size: tuple[int, int], step: int, font_px: int
) -> None:
    page = PIL.Image.new("RGB", size, "white")
    pen = PIL.ImageDraw.Draw(page)
    lines = tuple(f"{LINES[0]} {at}" for at in range(24))
    for at, line in enumerate(lines):
        pen.text((80, 40 + step * at), line, fill="black", font=face(font_px))
    read = engine.predict_page(bgr(page))
    assert len(read["rec_texts"]) == len(lines)
    assert similarity(read["rec_texts"], lines) >= 0.98


def test_an_upright_page_maps_back_onto_itself(result: OCRResult) -> None:
    assert result.original_polys == [polygon.tolist() for polygon in result["rec_polys"]]
    assert (result.width, result.height) == (900, 640)


def test_a_blank_page_has_no_lines_and_no_angles(engine: OCREngine) -> None:
    blank = engine.predict_page(np.full((200, 300, 3), 255, dtype=np.uint8))
    assert blank["rec_texts"] == blank["dt_polys"] == []
    assert blank["rec_boxes"].tolist() == []
    assert "textline_orientation_angles" not in blank
    json.dumps(blank.json)


@pytest.mark.parametrize("size", [(1, 1), (3, 40), (20, 20), (2000, 4)])
def test_pages_of_any_size_are_read(engine: OCREngine, size: tuple[int, int]) -> None:
    assert engine.predict_page(np.zeros((*size, 3), dtype=np.uint8))["rec_texts"] == []


def test_stages_are_timed(engine: OCREngine) -> None:
    (read,) = engine.predict(encoded(sheet(), "PNG"))
    # Ours turns only the lines that read poorly, as it reads them.
    assert list(read.timings_ms) == ["decode", "orientation", "detection", "recognition"]
    assert all(took_ms >= 0 for took_ms in read.timings_ms.values())
    assert "timings_ms" not in read.json["res"]


def boxes(result: OCRResult) -> int:
    return len(result["dt_polys"])


@pytest.mark.parametrize(
    ("name", "value", "field"),
    [
        ("text_det_limit_side_len", 300, "limit_side_len"),
        ("text_det_limit_type", "max", "limit_type"),
        ("text_det_thresh", 0.05, "thresh"),
        ("text_det_box_thresh", 0.99, "box_thresh"),
        ("text_det_unclip_ratio", 3.0, "unclip_ratio"),
        ("text_det_max_side_limit", 320, "max_side_limit"),
    ],
)
def test_each_detection_option_changes_the_result_and_is_reported(
    engine: OCREngine, result: OCRResult, name: str, value: OptionValue, field: str
) -> None:
    options = {"text_det_limit_side_len": 300, name: value} if name == "text_det_limit_type" else {name: value}
    # min/300 leaves a page of 900 x 640 alone; max/300 shrinks it.
    page = sheet(size=(900, 250)) if name == "text_det_limit_side_len" else sheet()
    before = engine.predict_page(bgr(page))
    after = engine.predict_page(bgr(page), options=PredictOptions.parse(options))
    assert after["text_det_params"][field] == value
    assert before["text_det_params"][field] == result["text_det_params"][field] != value
    assert [p.tolist() for p in after["dt_polys"]] != [p.tolist() for p in before["dt_polys"]]


def test_the_score_threshold_filters_lines_but_not_boxes(engine: OCREngine, result: OCRResult) -> None:
    middle = sorted(result["rec_scores"])[3]
    strict = engine.predict_page(bgr(sheet()), options=PredictOptions(text_rec_score_thresh=middle))
    assert len(strict["rec_texts"]) == len(strict["rec_polys"]) == len(strict.original["polys"]) == 3
    assert boxes(strict) == len(strict["textline_orientation_angles"]) == len(LINES)


def test_orientation_can_be_left_out_of_one_call(engine: OCREngine) -> None:
    page = rotate_quarter(bgr(sheet()), 180)
    left = engine.predict_page(page, options=PredictOptions(use_doc_orientation_classify=False))
    assert "doc_preprocessor_res" not in left
    assert left["model_settings"]["use_doc_preprocessor"] is False


def test_an_engine_without_orientation_loads_no_model_for_it_and_says_so() -> None:
    with OCREngine(use_doc_orientation_classify=False, cpu_threads=1, text_recognition_batch_size=2) as small:
        assert list(small.models) == ["textline_orientation", "text_detection", "text_recognition"]
        assert similarity(small.predict_page(bgr(sheet()))["rec_texts"]) >= 0.98
        with pytest.raises(InvalidRequest, match="built without it"):
            small.predict(bgr(sheet()), use_doc_orientation_classify=True)


BAD_OPTIONS: list[tuple[dict[str, OptionValue], str]] = [
    ({"text_det_tresh": 0.3}, "unknown option 'text_det_tresh'"),
    ({"text_det_thresh": 1.5}, "text_det_thresh=1.5 must be between 0 and 1"),
    ({"text_det_thresh": float("nan")}, "text_det_thresh=nan"),
    ({"text_det_thresh": "0.3"}, "text_det_thresh='0.3' must be a number"),
    ({"text_det_limit_side_len": 0}, "text_det_limit_side_len"),
    ({"text_det_limit_side_len": 64.5}, "a whole number"),
    ({"text_det_limit_side_len": True}, "a whole number"),
    ({"text_det_limit_type": "avg"}, "use min, max"),
    ({"text_det_unclip_ratio": 0}, "text_det_unclip_ratio"),
    ({"text_rec_score_thresh": -0.1}, "text_rec_score_thresh"),
    ({"use_doc_orientation_classify": "yes"}, "True or False"),
    ({"use_doc_unwarping": 1}, "True or False"),
    ({"use_textline_orientation": "on"}, "True or False"),
    ({"return_word_box": "no"}, "True or False"),
    ({"det_db_thresh": 0.3, "text_det_thresh": 0.3}, "two names"),
]
BAD_ENGINE_OPTIONS: list[tuple[dict[str, OptionValue], str]] = [
    *BAD_OPTIONS,
    ({"lang": "tlh"}, "lang='tlh'"),
    ({"ocr_version": "PP-OCRv2"}, "use PP-OCRv3, PP-OCRv4, PP-OCRv5, PP-OCRv6"),
    ({"text_det_input_shape": (3, 100, 320)}, "multiples of 32"),
    ({"text_det_input_shape": (1, 320, 320)}, r"must be \(3, height, width\)"),
    ({"text_det_input_shape": (320, 320)}, "three whole numbers: C, H, W"),
    ({"text_rec_input_shape": (3, 48, 9000)}, "between 1 and 3200"),
    ({"text_rec_input_shape": (3, 32, 320)}, "does not fit PP-OCRv6_small_rec"),
    ({"profile": "paddleocr-9"}, "profile"),
    ({"cpu_threads": 0}, "cpu_threads"),
    ({"effort": 1.1}, "effort=1.1 must be between 0 and 1"),
    ({"effort": 0.5, "profile": "paddleocr-3.7", "use_doc_unwarping": False}, "effort=0.5 is for profile='default'"),
    ({"effort": 0.5, "text_recognition_batch_size": 6}, "without text_recognition_batch_size"),
    ({"textline_orientation_batch_size": 0}, "textline_orientation_batch_size"),
    ({"text_line_orientation_batch_size": 1, "textline_orientation_batch_size": 1}, "two names"),
    ({"doc_unwarping_model_name": "DocTr"}, "it has UVDoc"),
    ({"text_detection_model_name": "PP-OCRv9_server_det"}, "it has PP-OCRv6_small_det"),
    ({"model_source": "nowhere"}, "model_source"),
]


@pytest.mark.parametrize(("options", "words"), BAD_OPTIONS)
def test_a_bad_option_of_a_call_is_named(engine: OCREngine, options: dict[str, OptionValue], words: str) -> None:
    with pytest.raises(InvalidRequest, match=words) as raised:
        engine.predict(bgr(sheet()), pages=None, **options)
    assert raised.value.code == "invalid_request"


@pytest.mark.parametrize(("options", "words"), BAD_ENGINE_OPTIONS)
def test_a_bad_option_of_an_engine_is_named(options: dict[str, OptionValue], words: str) -> None:
    with pytest.raises(InvalidRequest, match=words):
        OCREngine(**options)


def test_every_optional_module_may_be_switched_off(engine: OCREngine) -> None:
    off = PredictOptions(use_doc_unwarping=False, use_textline_orientation=False, return_word_box=False)
    assert boxes(engine.predict_page(bgr(sheet()), options=off)) == len(LINES)


@pytest.mark.parametrize("device", ["gpu:0", "npu", "cpu:0"])
def test_a_missing_device_is_an_error_and_never_the_cpu(device: str) -> None:
    with pytest.raises(DeviceUnavailable, match=device):
        OCREngine(device=device)


def test_a_model_folder_without_a_model_says_where_it_looked(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match=r"inference\.onnx"):
        OCREngine(text_detection_model_dir=tmp_path)


def test_a_model_file_that_is_no_model_is_unavailable(tmp_path: Path) -> None:
    saved(tmp_path, "inference.onnx", b"not a network")
    with pytest.raises(ModelUnavailable, match="cannot load"):
        OCREngine(text_detection_model_dir=tmp_path)


def test_models_are_named_with_their_hash(engine: OCREngine) -> None:
    assert engine.models["text_recognition"].startswith("PP-OCRv6_small_rec@6f327246b503")
    assert (engine.profile, engine.runtime.split()[0], engine.device) == ("default", "openvino", "cpu")


def test_a_document_gives_a_result_a_page_as_they_are_asked_for(engine: OCREngine, tmp_path: Path) -> None:
    path = saved(tmp_path, "two.pdf", pdf(sheet(LINES[:1]), sheet(LINES[1:2])))
    pages = engine.predict_iter(str(path))
    first = next(pages)
    assert (first["input_path"], first["page_index"]) == (str(path), 0)
    assert similarity(first["rec_texts"], LINES[:1]) >= 0.98
    assert [page["page_index"] for page in pages] == [1]


def test_lists_and_folders_are_read_in_order(engine: OCREngine, tmp_path: Path) -> None:
    small = sheet(LINES[:1], size=(700, 120))
    (tmp_path / "deep").mkdir()
    saved(tmp_path / "deep", "b.png", encoded(small, "PNG"))
    saved(tmp_path, "a.png", encoded(small, "PNG"))
    saved(tmp_path, "notes.txt", b"not a document")
    results = engine.predict([tmp_path, bgr(small), encoded(small, "BMP")])
    paths = [Path(r["input_path"]).name if r["input_path"] else None for r in results]
    assert paths == ["a.png", "b.png", None, None]


BAD_SOURCES: list[tuple[object, type[Exception], str]] = [
    ("nowhere.png", SourceNotFound, r"nowhere\.png"),
    ("https:///a.png", InvalidRequest, "names no host"),
    (b"text", UnsupportedMedia, "neither"),
    (b"", InvalidRequest, "0 bytes"),
    (7, InvalidRequest, "int"),
    (np.zeros((5, 5), dtype=np.uint8), InvalidRequest, r"\(5, 5\)"),
    (np.zeros((5, 5, 3)), InvalidRequest, "float64"),
    (np.zeros((0, 5, 3), dtype=np.uint8), InvalidRequest, "not a page"),
]


@pytest.mark.parametrize(("source", "kind", "words"), BAD_SOURCES)
def test_a_bad_source_raises_and_never_gives_an_empty_list(
    engine: OCREngine, source: str, kind: type[Exception], words: str
) -> None:
    with pytest.raises(kind, match=words):
        engine.predict(source)


def test_a_folder_without_documents_is_an_invalid_request(engine: OCREngine, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="holds no PDF"):
        engine.predict(tmp_path)


def test_a_closed_engine_says_so() -> None:
    closed = OCREngine(use_doc_orientation_classify=False, cpu_threads=1)
    closed.warm_up()
    closed.close()
    closed.close()
    with pytest.raises(InvalidRequest, match="closed"):
        closed.predict_page(bgr(sheet()))


def test_reading_twice_gives_the_same_result(engine: OCREngine, result: OCRResult) -> None:
    again = engine.predict_page(bgr(sheet()), input_path="folder/sheet.png")
    assert again.json == result.json


def test_a_transparent_page_is_read(engine: OCREngine) -> None:
    page = PIL.Image.new("RGBA", (900, 640), (0, 0, 0, 0))
    ink = PIL.Image.eval(sheet().convert("L"), lambda level: 255 - level)
    page.putalpha(ink)
    (read,) = engine.predict(encoded(page, "PNG"))
    assert similarity(read["rec_texts"]) >= 0.98
