"""A page whose classifier is wrong: the lines tell how it lies, and it is turned and read again."""

from __future__ import annotations

import numpy as np
import pytest

from ocr_engine import OCREngine, OCRResult, PredictOptions
from ocr_engine.modules.doc_orientation import OrientationClassifier
from ocr_engine.modules.line_reader import ReadLines
from ocr_engine.types import Angle, Image, Reading
from tests.unit.engine.drawing import LINES, bgr, sheet


def read(
    engine: OCREngine, page: Image, said: Angle, monkeypatch: pytest.MonkeyPatch, *, turn: bool | None = None
) -> OCRResult:
    """The page as the engine reads it when its classifier says this."""
    monkeypatch.setattr(OrientationClassifier, "classify", lambda self, image: said)
    return engine.predict_page(page, options=PredictOptions(use_doc_orientation_classify=turn))


@pytest.mark.parametrize(
    ("quarters", "said", "angle"),
    [(0, 180, 0), (2, 0, 180), (1, 270, 90), (0, 90, 0), (0, 270, 0), (1, 0, 90), (3, 180, 270)],
)
def test_the_lines_have_the_last_word(
    engine: OCREngine, monkeypatch: pytest.MonkeyPatch, quarters: int, said: Angle, angle: int
) -> None:
    page = np.ascontiguousarray(np.rot90(bgr(sheet()), -quarters))
    found = read(engine, page, said, monkeypatch)
    assert found["doc_preprocessor_res"]["angle"] == angle
    assert found["rec_texts"] == list(LINES)
    assert found["textline_orientation_angles"] == [0] * len(LINES)
    assert list(found.timings_ms) == ["orientation", "detection", "recognition"]


def lines(text: str, count: int, *, size: tuple[int, int], classes: tuple[int, ...] | None = None) -> ReadLines:
    """Equal lines of this width and height, one below the other."""
    width, height = size
    box = np.array([(0, 0), (width, 0), (width, height), (0, height)], dtype=np.int16)
    return ReadLines(
        polygons=tuple(box + np.int16(2 * height * row) for row in range(count)),
        readings=(Reading(text=text, score=0.9),) * count,
        classes=classes,
    )


@pytest.mark.parametrize(
    ("read_lines", "angle"),
    [
        pytest.param(lines("Total", 4, size=(200, 20)), 0, id="rows"),
        pytest.param(lines("Total", 4, size=(20, 200)), 90, id="rows that stand"),
        pytest.param(
            lines("Total", 4, size=(20, 200), classes=(1, 1, 1, 0)), 270, id="and are upside down as they are cut out"
        ),
        pytest.param(lines("Total", 4, size=(200, 20), classes=(1, 1, 1, 0)), 180, id="most are upside down"),
        pytest.param(lines("Total", 4, size=(200, 20), classes=(1, 1, 0, 0)), 0, id="half of them are no most"),
        pytest.param(lines("Total", 2, size=(20, 200)), 0, id="two labels that stand"),
        pytest.param(lines("東京都", 4, size=(20, 200)), 0, id="columns of Japanese"),
        pytest.param(lines("", 0, size=(20, 200)), 0, id="no lines"),
    ],
)
def test_most_lines_say_how_their_page_lies(read_lines: ReadLines, angle: Angle) -> None:
    assert read_lines.angle == angle


def test_a_page_that_is_turned_right_stays_so(engine: OCREngine, monkeypatch: pytest.MonkeyPatch) -> None:
    page = np.ascontiguousarray(np.rot90(bgr(sheet()), 2))
    found = read(engine, page, 180, monkeypatch)
    assert (found["doc_preprocessor_res"]["angle"], found["rec_texts"]) == (180, list(LINES))


def test_without_orientation_the_page_stays_as_it_is(engine: OCREngine, monkeypatch: pytest.MonkeyPatch) -> None:
    page = np.ascontiguousarray(np.rot90(bgr(sheet()), 2))
    found = read(engine, page, 0, monkeypatch, turn=False)
    assert found["textline_orientation_angles"] == [1] * len(LINES)
    assert found["rec_texts"] == list(LINES[::-1])


def test_an_exact_profile_turns_a_page_as_its_classifier_says(monkeypatch: pytest.MonkeyPatch) -> None:
    with OCREngine(
        profile="paddleocr-3.7",
        text_detection_model_name="PP-OCRv6_small_det",
        text_recognition_model_name="PP-OCRv6_small_rec",
        use_doc_unwarping=False,
        use_doc_orientation_classify=True,
        cpu_threads=2,
    ) as exact:
        found = read(exact, bgr(sheet()), 180, monkeypatch)
    assert found["doc_preprocessor_res"]["angle"] == 180
    assert sum(found["textline_orientation_angles"]) == len(LINES)
