"""Line orientation and words, through the engine and on their own."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from ocr_engine import InvalidRequest, ModelUnavailable, OCREngine, OCRResult
from ocr_engine.geometry import rotate_quarter
from ocr_engine.modules.line_orientation import MOBILE_V2, LineOrientationClassifier
from ocr_engine.modules.words import words_of
from ocr_engine.profiles import PROFILES
from ocr_engine.runtimes.canned import CannedRuntime
from ocr_engine.types import Image, Polygon, Reading, Tensor
from tests.unit.engine.drawing import LINES, bgr, sheet


def upside_down() -> Image:
    return rotate_quarter(bgr(sheet()), 180)


@pytest.mark.parametrize("name", ["PP-LCNet_x1_0_textline_ori", MOBILE_V2])
def test_upside_down_lines_are_turned_and_reported(name: str) -> None:
    with OCREngine(textline_orientation_model_name=name, use_doc_orientation_classify=False, cpu_threads=2) as loaded:
        read = loaded.predict_page(upside_down())
        (off,) = loaded.predict(upside_down(), use_textline_orientation=False)
    assert read["textline_orientation_angles"] == [1] * len(LINES)
    assert off["textline_orientation_angles"] == [-1] * len(LINES)
    assert LINES[0] in read["rec_texts"]
    assert LINES[0] not in off["rec_texts"]


def test_an_engine_without_line_orientation_refuses_a_call_that_asks_for_it() -> None:
    with OCREngine(use_textline_orientation=False, use_doc_orientation_classify=False, cpu_threads=1) as loaded:
        assert "textline_orientation" not in loaded.models
        for option in ("use_textline_orientation", "use_doc_unwarping", "use_doc_orientation_classify"):
            with pytest.raises(InvalidRequest, match=f"{option}=True was asked for"):
                loaded.predict(upside_down(), **{option: True})


def test_weights_that_no_package_has_must_be_brought_here(tmp_path: Path) -> None:
    name = "PP-LCNet_x0_25_textline_ori"
    with pytest.raises(ModelUnavailable, match=f"{name} is not here"):
        OCREngine(
            text_line_orientation_model_name=name, model_cache_dir=tmp_path, model_source="offline", cpu_threads=1
        )


@pytest.mark.parametrize(("name", "shape"), [("PP-LCNet_x1_0_textline_ori", (80, 160)), (MOBILE_V2, (48, 192))])
def test_lines_are_classified_in_batches_and_the_better_class_wins(name: str, shape: tuple[int, int]) -> None:
    def answer(batch: Tensor) -> Tensor:
        bright = batch[:, 0, 5, 5] > 0
        return np.stack([~bright, bright], axis=1).astype(np.float32)

    runtime = CannedRuntime(answer)
    crops = [np.full((48, 100, 3), level, dtype=np.uint8) for level in (255, 0, 255)]
    assert LineOrientationClassifier(runtime, name=name, batch_size=2).classify(crops) == [1, 0, 1]
    assert runtime.shapes == [(2, 3, *shape), (1, 3, *shape)]


def test_in_the_profile_of_3_7_the_first_line_of_a_batch_decides_for_all() -> None:
    runtime = CannedRuntime(lambda batch: np.array([[0, 1], [1, 0]], dtype=np.float32)[: len(batch)])
    crops = [np.zeros((48, 100, 3), dtype=np.uint8)] * 2
    found = [
        LineOrientationClassifier(runtime, name="", batch_size=2, first_decides=quirk).classify(crops)
        for quirk in (False, True)
    ]
    assert found == [[1, 0], [1, 1]]
    assert (PROFILES["paddleocr-3.7"].first_line_decides, PROFILES["default"].first_line_decides) == (True, False)


def quad(width: int, height: int) -> Polygon:
    return np.array([[10, 20], [10 + width, 20], [10 + width, 20 + height], [10, 20 + height]], dtype=np.int16)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("No. 3.14 VGG-16", ["No", ". ", "3.14", " ", "VGG-16"]),
        ("共20页", ["共", "20", "页"]),
        ("-a", ["-", "a"]),
        ("a. b", ["a", ". ", "b"]),
        ("", []),
    ],
)
def test_words_are_runs_of_letters_and_single_han_characters(text: str, words: list[str]) -> None:
    reading = Reading(text=text, score=1.0, columns=tuple(range(0, 2 * len(text), 2)), steps=2.0 * max(len(text), 1))
    found, boxes = words_of(reading, quad(200, 30))
    assert list(found) == words
    assert "".join(found) == text
    assert len(boxes) == len(found)


def test_the_box_of_a_word_runs_from_its_first_step_to_its_last() -> None:
    reading = Reading(text="ab 人", score=1.0, columns=(1, 3, 4, 8), steps=10.0)
    words, boxes = words_of(reading, quad(100, 30))
    assert words == ("ab", " ", "人")
    assert boxes[0] == ((20, 20), (50, 20), (50, 50), (20, 50))
    # One Han character alone is as wide as the line's length over its characters.
    assert boxes[2] == ((82, 20), (107, 20), (107, 50), (82, 50))


def test_words_of_a_vertical_line_lie_under_each_other() -> None:
    reading = Reading(text="a b", score=1.0, columns=(0, 4, 8), steps=10.0)
    _, boxes = words_of(reading, quad(30, 100))
    assert [min(y for _, y in box) for box in boxes] == [20, 60, 100]


def test_word_boxes_are_reported_only_when_asked_for(engine: OCREngine, result: OCRResult) -> None:
    (read,) = engine.predict(bgr(sheet()), return_word_box=True)
    assert list(read)[-2:] == ["text_word_boxes", "text_word"]
    assert "text_word" not in result
    assert ["".join(words) for words in read["text_word"]] == read["rec_texts"] == result["rec_texts"]
    for (x_min, y_min, x_max, y_max), words in zip(read["rec_boxes"], read["text_word_boxes"], strict=True):
        step_px = 8 * (y_max - y_min) / 48
        assert words[:, 0].min() >= x_min
        assert words[:, 2].max() <= x_max + step_px
        assert (words[:, 1].min(), words[:, 3].max()) == pytest.approx((y_min, y_max), abs=2)
    assert [len(line) for line in read.text_word_region] == [len(words) for words in read["text_word"]]
    assert read.draw_lines().tobytes() != result.draw_lines().tobytes()
    (blank,) = engine.predict(np.full((100, 100, 3), 255, dtype=np.uint8), return_word_box=True)
    assert blank["text_word"] == blank["text_word_boxes"] == []


def test_the_drawing_of_lines_alone_is_the_first_of_all_drawings(result: OCRResult) -> None:
    assert result.draw_lines().tobytes() == result.img["ocr_res_img"].tobytes()


def test_one_engine_from_eight_threads_reads_as_one_thread_does(engine: OCREngine) -> None:
    pages = [bgr(sheet(LINES[i : i + 3], size=(900, 300))) for i in range(4)] * 4
    serial = [engine.predict(page, return_word_box=True)[0].json for page in pages]
    with ThreadPoolExecutor(8) as pool:
        parallel = list(pool.map(lambda page: engine.predict(page, return_word_box=True)[0].json, pages))
    assert parallel == serial


@pytest.mark.parametrize(
    ("old", "new", "value"), [("det_db_thresh", "thresh", 0.4), ("det_limit_side_len", "limit_side_len", 70)]
)
def test_names_of_2x_work_with_a_warning(engine: OCREngine, old: str, new: str, value: float) -> None:
    with pytest.warns(DeprecationWarning, match=old):
        (read,) = engine.predict(bgr(sheet()), pages=None, **{old: value})
    assert read["text_det_params"][new] == value
