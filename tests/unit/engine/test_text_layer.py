"""A PDF's own text in place of its pixels: when it is sound, where its lines are, and what each page says of it."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pymupdf
import pytest

from ocr_engine import InvalidRequest, OCREngine
from ocr_engine.document import open_document
from ocr_engine.text_layer import OwnLine, OwnText, TextLayer, lines_of
from tests.unit.engine.drawing import bgr, sheet

SCALE = 2.0  # 144 dpi
WORDS = "Invoice 2026 total 99.95"


def born_digital(*, turn: int = 0, mode: int = 0, picture: bool = False) -> bytes:
    """A page with one line whose baseline starts at (72, 100) points. `mode`: 3 is text that is not drawn."""
    with pymupdf.open() as document:
        page = document.new_page(width=400, height=300)
        page.insert_text((72, 100), WORDS, fontsize=12, render_mode=mode)
        if picture:
            page.insert_image(page.rect, stream=cv2.imencode(".png", bgr(sheet()))[1].tobytes(), overlay=False)
        page.set_rotation(turn)
        return bytes(document.tobytes())


def own(**changes: object) -> OwnText:
    line = OwnLine(text="ab", corners=((0, 0), (20, 0), (20, 9), (0, 9)), middles=(0.25, 0.75))
    return OwnText(**{"lines": (line,), "hidden": False, "picture_share": 0.0, **changes})  # type: ignore[arg-type]  # one of the three is replaced


@pytest.fixture(scope="module")
def engine() -> OCREngine:
    return OCREngine(cpu_threads=1, use_doc_orientation_classify=False, use_textline_orientation=False)


def test_a_born_digital_page_gives_its_own_text_where_it_stands(engine: OCREngine) -> None:
    (page,) = engine.predict(born_digital(), text_layer="auto", return_word_box=True)
    assert page.text_source == page.json["original"]["text_source"] == "text_layer"
    assert page["rec_texts"] == [WORDS]
    assert page["rec_scores"] == [1.0]
    left, top, right, bottom = page["rec_boxes"][0].tolist()
    assert left == pytest.approx(72 * SCALE, abs=3)
    assert top < 100 * SCALE - 12 < 100 * SCALE < bottom
    assert right - left == pytest.approx(SCALE * pymupdf.get_text_length(WORDS, fontsize=12), abs=4)
    assert page["text_word"][0][0] == "Invoice"
    first, second = page["text_word_boxes"][0][:2]
    assert first[2] <= second[0] + 4


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_the_lines_of_a_turned_page_lie_on_their_ink(engine: OCREngine, turn: int) -> None:
    content = born_digital(turn=turn)
    (page,) = engine.predict(content, text_layer="only")
    with open_document(content) as document:
        ink = np.argwhere(document.page_image(0).min(axis=2) < 128)
    left, top, right, bottom = page["rec_boxes"][0].tolist()
    assert (left - 2 <= ink[:, 1]).all() and (ink[:, 1] <= right + 2).all()
    assert (top - 2 <= ink[:, 0]).all() and (ink[:, 0] <= bottom + 2).all()


def test_by_default_a_page_is_read(engine: OCREngine) -> None:
    (page,) = engine.predict(born_digital())
    assert page.text_source == "ocr"
    assert page["rec_scores"][0] < 1.0


@pytest.mark.parametrize("document", [born_digital(mode=3), born_digital(picture=True)])
def test_hidden_text_and_scans_are_read_unless_only_their_text_is_wanted(engine: OCREngine, document: bytes) -> None:
    assert [page.text_source for page in engine.predict(document, text_layer="auto")] == ["ocr"]
    (page,) = engine.predict(document, text_layer="only")
    assert (page.text_source, page["rec_texts"]) == ("text_layer", [WORDS])


def test_what_holds_no_text_is_read_as_before(engine: OCREngine, tmp_path: Path) -> None:
    image = tmp_path / "page.png"
    cv2.imwrite(str(image), bgr(sheet()))
    assert [page.text_source for page in engine.predict(image, text_layer="only")] == ["ocr"]


def test_a_page_without_text_has_no_lines_when_only_text_is_wanted(engine: OCREngine) -> None:
    with pymupdf.open() as document:
        document.new_page()
        (page,) = engine.predict(bytes(document.tobytes()), text_layer="only")
    assert (page.text_source, page["rec_texts"]) == ("text_layer", [])


def test_text_is_sound_if_a_reader_sees_it_and_every_character_is_known() -> None:
    unknown = OwnLine(text="\ufffd\ue001b", corners=((0, 0),) * 4, middles=(0, 0, 0))
    assert own().is_sound
    assert not own(hidden=True).is_sound
    assert not own(picture_share=0.5).is_sound
    assert not own(lines=()).is_sound
    assert not own(lines=(unknown,)).is_sound


def test_lines_stay_on_the_page_and_lose_their_last_spaces() -> None:
    line = OwnLine(text="ab ", corners=((-5, 1), (50, 1), (50, 9), (-5, 9)), middles=(0.1, 0.5, 0.9))
    blank = OwnLine(text="  ", corners=((0, 0),) * 4, middles=(0, 0))
    (found,) = lines_of(own(lines=(line, blank)), width=40, height=20)
    assert found.reading.text == "ab"
    assert len(found.reading.columns) == 2
    assert found.polygon.tolist() == [[0, 1], [40, 1], [40, 9], [0, 9]]


def test_another_word_is_refused(engine: OCREngine) -> None:
    with pytest.raises(InvalidRequest, match="text_layer='always' is not known; use ignore, auto, only"):
        engine.predict(b"", text_layer="always")
    assert TextLayer.parse(None) is TextLayer.IGNORE
