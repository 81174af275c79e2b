"""Drawings: every script, no text lost, the pixels of a whole-page drawing at the cost of the boxes."""

from __future__ import annotations

import random
import tracemalloc

import cv2
import numpy as np
import PIL.Image
import pytest
from PIL import features

from ocr_engine.fonts import default_typeface, face, typeface_of
from ocr_engine.render import draw_lines
from ocr_engine.types import Image, Polygon
from ocr_engine.typeset import letters_of, runs_of, typeset
from tests.unit.engine.drawing import LINES, bgr, sheet

_UNASSIGNED = "\U0010fffd"  # private use, plane 16: no typeface has it
SCRIPTS = {
    "Latin": "Żółć, ạ, Ɓ",
    "Greek": "Ελληνικά",
    "Cyrillic": "Съешь ӀӘҢ",
    "Han and kana": "漢字测试 かなカナ",
    "Hangul": "한글 문서",
    "Arabic": "السلام پچگ",
    "Thai": "ภาษาไทยที่",
    "Kannada": "ಕನ್ನಡ",
    "Telugu": "తెలుగు",
    "Tamil": "தமிழ்",
    "Devanagari": "हिन्दी क्षेत्र",
    "signs": "∰ ☂ ⇒ √",
}


def quad(*corners: tuple[int, int]) -> Polygon:
    return np.array(corners, dtype=np.int16)


def drawn_at_full_size(page: Image, polygons: list[Polygon], texts: list[str]) -> Image:
    """The drawing as the reference makes it: every box on a copy of the whole page."""
    height, width = page.shape[:2]
    dice = random.Random(0)
    rgb = np.ascontiguousarray(page[:, :, ::-1])
    tinted, right = rgb.copy(), np.full_like(rgb, 255)
    for polygon, text in zip(polygons, texts, strict=True):
        colour = (dice.randint(0, 255), dice.randint(0, 255), dice.randint(0, 255))
        cv2.fillPoly(tinted, [polygon.astype(np.int32)], colour)
        corners = polygon.astype(np.float32)
        across = int(np.linalg.norm(corners[0] - corners[1]))
        down = int(np.linalg.norm(corners[0] - corners[3]))
        source = np.array([[0, 0], [across, 0], [across, down], [0, down]], dtype=np.float32)
        warped = cv2.warpPerspective(
            np.asarray(typeset(text, across, down).convert("RGB")),
            cv2.getPerspectiveTransform(source, corners),
            (width, height),
            flags=cv2.INTER_NEAREST,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=(255, 255, 255),
        )
        cv2.polylines(warped, [polygon.astype(np.int32)], isClosed=True, color=colour, thickness=1)
        right &= np.asarray(warped, dtype=np.uint8)
    return np.hstack([np.asarray(cv2.addWeighted(rgb, 0.5, tinted, 0.5, 0), dtype=np.uint8), right])


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_script_of_the_recognisers_has_a_typeface(script: str) -> None:
    assert all(run.typeface is not None for run in runs_of(SCRIPTS[script]))
    assert np.asarray(typeset(SCRIPTS[script], 300, 40)).min() < 64


def test_scripts_are_shaped_where_the_system_has_the_means() -> None:
    joined, apart = "عربي", "ع ر ب ي"
    font = face(40, typeface_of(joined[0]))
    alone = sum(font.getlength(letter) for letter in apart.split())
    assert (font.getlength(joined) < alone) == features.check("raqm")


def test_a_line_keeps_one_typeface_across_its_spaces_and_digits() -> None:
    assert [run.text for run in runs_of("हिन्दी 42, क्षेत्र")] == ["हिन्दी 42, क्षेत्र"]
    assert [run.text for run in runs_of("ab हिन्दी 漢字")] == ["ab ", "हिन्दी ", "漢字"]


def test_a_line_that_starts_from_the_right_has_its_pieces_from_the_right() -> None:
    assert [run.text for run in runs_of("عربي 42 then")] == ["then", "عربي 42 "]
    assert [run.text for run in runs_of("then عربي")] == ["then ", "عربي"]


def test_a_character_that_no_typeface_has_is_drawn_as_its_code_point() -> None:
    assert typeface_of(_UNASSIGNED) is None
    pictures = [np.asarray(typeset(f"A{sign}B", 160, 50)) for sign in (_UNASSIGNED, "\U0010fffc", " ")]
    ink = [int((picture < 128).sum()) for picture in pictures]
    assert ink[0] > ink[2] + 100  # the box and its digits
    assert not np.array_equal(pictures[0], pictures[1])  # and the digits say which
    assert default_typeface().name == "Droid Sans Fallback Regular"


def test_control_characters_move_nothing_out_of_the_box() -> None:
    assert typeset("a\tb\nc", 200, 40).tobytes() == typeset("a b c", 200, 40).tobytes()


@pytest.mark.parametrize("size", [(400, 30), (60, 30), (9, 40), (40, 500), (24, 100), (12, 60), (1, 1), (3, 3)])
@pytest.mark.parametrize(
    "text", ["gjpqy ÅÇ", "हिन्दी ಕ್ಷ", "السلام عليكم", "縦書きの文章が長くても全部見えるはず", "A" + _UNASSIGNED]
)
def test_no_part_of_a_text_falls_out_of_its_box(text: str, size: tuple[int, int]) -> None:
    width, height = size
    ink = np.asarray(typeset(text, width, height)) < 200
    assert ink.shape == (height, width)
    if min(size) >= 12:
        assert ink.any()
        assert not ink[-1].any()
        assert not ink[:, -1].any()


def test_marks_stay_on_their_letter_in_a_column() -> None:
    assert letters_of("ที่นี่") == ["ที่", "นี่"]


def test_the_drawing_has_the_pixels_of_one_made_at_full_size() -> None:
    page = bgr(sheet())
    polygons = [
        quad((60, 40), (500, 40), (500, 90), (60, 90)),
        quad((100, 200), (400, 160), (410, 200), (110, 240)),
        quad((300, 60), (350, 60), (350, 400), (300, 400)),  # over the first two
        quad((800, 600), (900, 600), (900, 640), (800, 640)),  # to the far edges
    ]
    texts = [*LINES[:3], "edge"]
    differ = (np.asarray(draw_lines(page, polygons, texts)) != drawn_at_full_size(page, polygons, texts)).any(axis=2)
    assert not differ[:, : page.shape[1]].any()
    # A slanted text is sampled at the nearest pixel, and a tie may fall either way.
    assert differ.sum() <= 3


def test_a_box_outside_the_page_is_left_out() -> None:
    page = np.full((50, 50, 3), 255, dtype=np.uint8)
    drawn = draw_lines(page, [quad((60, 60), (90, 60), (90, 80), (60, 80))], ["gone"])
    assert drawn.tobytes() == PIL.Image.new("RGB", (100, 50), "white").tobytes()


def test_drawing_makes_no_copy_of_the_page() -> None:
    page = np.full((3000, 3000, 3), 255, dtype=np.uint8)
    tracemalloc.start()
    draw_lines(page, [quad((60, 60), (900, 60), (900, 90), (60, 90))], ["text"])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < page.nbytes / 3  # a band of it
