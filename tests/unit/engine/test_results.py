"""What a result holds, in which order, and under which names it is saved."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from ocr_engine import OCREngine, OCRResult
from ocr_engine.render import draw_lines
from tests.unit.engine.drawing import bgr, encoded, pdf, saved, sheet

FIELDS = [
    "input_path",
    "page_index",
    "model_settings",
    "doc_preprocessor_res",
    "dt_polys",
    "text_det_params",
    "text_type",
    "textline_orientation_angles",
    "text_rec_score_thresh",
    "return_word_box",
    "rec_texts",
    "rec_scores",
    "rec_polys",
    "rec_boxes",
]


def test_the_fields_are_the_reference_fields_in_its_order(result: OCRResult) -> None:
    assert list(result.json) == ["res", "original"]
    assert list(result.json["res"]) == list(result) == FIELDS
    assert list(result["text_det_params"].items()) == [
        ("limit_side_len", 736),
        ("limit_type", "min"),
        ("thresh", 0.25),
        ("max_side_limit", 1600),
        ("box_thresh", 0.45),
        ("unclip_ratio", 1.35),
    ]
    assert result["doc_preprocessor_res"] == {
        "input_path": None,
        "page_index": None,
        "model_settings": {"use_doc_orientation_classify": True, "use_doc_unwarping": False},
        "angle": 0,
    }
    assert result["model_settings"] == {"use_doc_preprocessor": True, "use_textline_orientation": True}
    assert result["textline_orientation_angles"] == [0] * 6
    assert (result["text_type"], result["return_word_box"]) == ("general", False)


def test_polygons_are_int16_and_boxes_are_their_bounds(result: OCRResult) -> None:
    assert all(polygon.dtype == np.int16 and polygon.shape == (4, 2) for polygon in result["rec_polys"])
    assert result["rec_boxes"].dtype == np.int16
    for polygon, box in zip(result["rec_polys"], result["rec_boxes"], strict=True):
        assert box.tolist() == [*polygon.min(axis=0), *polygon.max(axis=0)]


def test_the_saved_json_is_the_inner_object(result: OCRResult, tmp_path: Path) -> None:
    path = result.save_to_json(tmp_path / "new" / "folder")
    assert path == tmp_path / "new" / "folder" / "sheet_res.json"
    text = path.read_text(encoding="utf-8")
    assert json.loads(text) == result.json["res"]
    assert "人工智能" in text
    assert text.startswith('{\n    "input_path"')


def test_a_json_file_name_is_used_as_given(result: OCRResult, tmp_path: Path) -> None:
    assert result.save_to_json(tmp_path / "mine.json", ensure_ascii=True) == tmp_path / "mine.json"
    assert (tmp_path / "mine.json").read_text(encoding="utf-8").isascii()


def test_all_files_of_an_image_share_its_name_and_suffix(engine: OCREngine, tmp_path: Path) -> None:
    source = saved(tmp_path, "page.jpg", encoded(sheet(), "JPEG"))
    engine.predict(source)[0].save_all(tmp_path / "out")
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["page_ocr_res_img.jpg", "page_original.json", "page_preprocessed_img.jpg", "page_res.json"]


def test_pages_of_a_document_carry_their_index(engine: OCREngine, tmp_path: Path) -> None:
    source = saved(tmp_path, "doc.pdf", pdf(sheet(size=(300, 100))))
    engine.predict(source, use_doc_orientation_classify=False)[0].save_all(tmp_path / "out")
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["doc_0_ocr_res_img.png", "doc_0_original.json", "doc_0_res.json"]


def test_two_arrays_never_save_over_each_other(engine: OCREngine, tmp_path: Path) -> None:
    random.seed(0)
    for read in engine.predict([bgr(sheet(size=(300, 100)))] * 2):
        assert read.save_to_json(tmp_path).name.split("_res")[0] == read.save_to_img(tmp_path)[0].name.split("_ocr")[0]
    assert len(list(tmp_path.glob("*_res.json"))) == 2


def test_an_image_file_name_takes_the_first_drawing(result: OCRResult, tmp_path: Path) -> None:
    assert result.save_to_img(tmp_path / "drawn.png") == [tmp_path / "drawn.png"]
    with PIL.Image.open(tmp_path / "drawn.png") as drawn:
        assert drawn.size == (1800, 640)


def test_printing_shortens_arrays_and_leaves_numpy_alone(result: OCRResult, capsys: pytest.CaptureFixture[str]) -> None:
    before = np.get_printoptions()
    result.print()
    out = capsys.readouterr().out
    assert out.startswith("{'res': {'input_path': 'folder/sheet.png', 'page_index': None")
    assert "..." in out
    assert np.get_printoptions() == before


@pytest.mark.parametrize("flag", ["json_format", "format_json"])
def test_printing_as_json_gives_the_json(result: OCRResult, capsys: pytest.CaptureFixture[str], flag: str) -> None:
    result.print(json_format=flag == "json_format", format_json=None if flag == "json_format" else True)
    assert json.loads(capsys.readouterr().out) == {"res": result.json["res"]}


def test_the_drawing_shows_the_page_beside_its_text(result: OCRResult) -> None:
    images = result.img
    assert list(images) == ["ocr_res_img", "preprocessed_img"]
    assert images["ocr_res_img"].size == (1800, 640)
    assert images["preprocessed_img"].size == (2700, 665)
    right = np.asarray(images["ocr_res_img"])[:, 900:]
    for x_min, y_min, x_max, y_max in result["rec_boxes"]:
        assert right[y_min + 4 : y_max - 4, x_min + 4 : x_max - 4].min() == 0
    assert right[:40].min() == 255


def test_drawing_repeats_and_touches_no_global_dice(result: OCRResult) -> None:
    random.seed(5)
    first = result.img["ocr_res_img"].tobytes()
    assert random.random() == random.Random(5).random()
    assert result.img["ocr_res_img"].tobytes() == first


def test_text_is_drawn_whatever_the_shape_of_its_box() -> None:
    page = np.full((400, 300, 3), 255, dtype=np.uint8)
    polygons = [
        np.array([[10, 10], [40, 10], [40, 300], [10, 300]], dtype=np.int16),
        np.array([[100, 100], [180, 60], [190, 80], [110, 120]], dtype=np.int16),
        np.array([[280, 380], [300, 380], [300, 400], [280, 400]], dtype=np.int16),
        np.array([[5, 5], [5, 5], [5, 5], [5, 5]], dtype=np.int16),
    ]
    drawn = np.asarray(draw_lines(page, polygons, ["竖排文字", "slanted", "edge", ""]))[:, 300:]
    assert drawn.shape == (400, 300, 3)
    assert drawn[10:300, 10:40].min() == drawn[60:120, 100:190].min() == 0


def test_a_view_is_the_page_as_it_was_given_and_no_larger_than_asked(engine: OCREngine) -> None:
    page = sheet(size=(300, 100))
    (read,) = engine.predict(bgr(page))
    [(name, whole)] = read.views(max_side=300)
    assert (name, whole.size) == ("page", (300, 100))
    assert np.array_equal(np.asarray(whole), np.asarray(page))
    assert [view.size for _, view in read.views(max_side=150)] == [(150, 50)]
