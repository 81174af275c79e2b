"""Unwarping: the flat page, the way back, and what each profile does by default."""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np
import pytest

from ocr_engine import EngineOptions, ModelUnavailable, OCREngine, PredictOptions
from ocr_engine.geometry import flatten, to_curved
from ocr_engine.modules.unwarping import Unwarper
from ocr_engine.options import OptionValue
from ocr_engine.profiles import settings_for
from ocr_engine.runtimes.canned import CannedRuntime
from ocr_engine.types import Grid, Image
from ocr_engine.way_back import WayBack
from tests.unit.engine.drawing import LINES, bgr, sheet

_BEND_PX = 20


def identity() -> Grid:
    x, y = np.meshgrid(np.linspace(-1, 1, 31), np.linspace(-1, 1, 45))
    return np.stack([x, y]).astype(np.float32)


def wavy() -> Grid:
    """Knots moved by up to 6 % of the page, and none outside it."""
    x, y = identity()
    return np.stack([x * 0.9 + 0.06 * np.sin(3 * y), y * 0.9 + 0.06 * np.cos(4 * x)]).astype(np.float32)


def curved_sheet() -> Image:
    """The drawn sheet, each column pushed down by up to 20 pixels in the middle of the page."""
    page = bgr(sheet())
    x, y = np.meshgrid(np.arange(page.shape[1], dtype=np.float32), np.arange(page.shape[0], dtype=np.float32))
    bent = cv2.remap(page, x, y - bend(x), cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=(255,) * 3)
    return np.asarray(bent, dtype=np.uint8)


def bend(x: np.typing.NDArray[np.float32]) -> np.typing.NDArray[np.float32]:
    return np.asarray(_BEND_PX * np.sin(np.pi * x / 900), dtype=np.float32)


def test_a_grid_at_rest_changes_no_pixel_and_no_polygon() -> None:
    page = bgr(sheet(size=(301, 203)))
    assert np.abs(flatten(page, identity()).astype(int) - page).max() <= 1
    corners = np.array([[0, 0], [300, 0], [300, 202], [17, 99]], dtype=np.int16)
    assert to_curved(corners, identity(), 301, 203).tolist() == corners.tolist()


def test_a_point_maps_back_to_where_its_pixel_came_from_within_one_pixel() -> None:
    # Every pixel of this page says where it is, so that the flat page says where each of its pixels came from.
    x, y = np.meshgrid(np.arange(250, dtype=np.uint8), np.arange(240, dtype=np.uint8))
    flat = flatten(np.stack([x, y, x], axis=2), wavy())
    points = np.random.default_rng(4).integers(0, 240, (500, 2))
    back = to_curved(points.astype(np.int16), wavy(), 250, 240)
    came_from = flat[points[:, 1], points[:, 0], :2].astype(int)
    assert np.abs(back - came_from).max() <= 1


def test_lines_of_a_curved_page_are_reported_where_they_are_on_it() -> None:
    with OCREngine(use_doc_unwarping=True, use_doc_orientation_classify=False, cpu_threads=2) as loaded:
        page = curved_sheet()
        (read,) = loaded.predict(page)
        again = loaded.predict_page(page)
    assert read.json == again.json
    assert read["doc_preprocessor_res"]["model_settings"]["use_doc_unwarping"] is True
    assert read["doc_preprocessor_res"]["angle"] == -1
    assert "unwarping" in read.timings_ms
    assert not np.array_equal(read.upright, page)
    assert read.img["preprocessed_img"].size == (3 * page.shape[1], page.shape[0] + 25)
    views = dict(read.views(max_side=5000))
    assert np.array_equal(np.asarray(views["page"]), page[:, :, ::-1])
    assert np.array_equal(np.asarray(views["upright"]), read.upright[:, :, ::-1])
    assert read.original_polys is not None
    assert len(read.original_polys) == len(LINES)
    for row, polygon in enumerate(np.array(read.original_polys, dtype=np.float32)):
        for top, bottom in ((0, 3), (1, 2)):
            x, y = (polygon[top] + polygon[bottom]) / 2
            drawn = 50 + 90 * row + 19 + float(bend(x))
            # A quarter of a line's height: what UVDoc lays flat is not quite straight, and the box is.
            assert abs(y - drawn) <= 10


def test_a_place_on_a_curved_page_is_reported_where_it_was_drawn() -> None:
    # Spots of known places on the curved page; where each lies on the flat page is searched for in its pixels.
    width, height, grid = 640, 900, wavy()
    places = [(int(x), int(y)) for x in range(120, 560, 60) for y in range(120, 800, 60)]
    worst = 0.0
    for x, y in places:
        page = np.zeros((height, width, 3), dtype=np.uint8)
        cv2.circle(page, (x, y), 4, (255, 255, 255), -1)
        moments = cv2.moments(flatten(page, grid)[:, :, 0])
        found = np.rint([moments["m10"] / moments["m00"], moments["m01"] / moments["m00"]])
        back = to_curved(np.array([found], dtype=np.int16), grid, width, height)
        worst = max(worst, float(np.abs(back[0] - (x, y)).max()))
    # Half a pixel from finding the spot on the flat page, half from rounding the way back.
    assert worst <= 1


def test_the_way_back_is_rounded_by_at_most_half_a_pixel() -> None:
    # A grid without bends: the exact place is x * 0.9 on this page, whatever the knots.
    points = np.random.default_rng(2).integers(0, 1000, (300, 2)).astype(np.int16)
    back = to_curved(points, identity() * np.float32(0.9), 1000, 1000).astype(np.float64)
    exact = 499.5 * (1 + 0.9 * (points / 499.5 - 1))
    assert np.abs(back - exact).max() <= 0.5 + 1e-3


@pytest.mark.parametrize("angle", [0, 90])
def test_an_outline_follows_the_bent_line_within_a_pixel_where_the_corners_do_not(angle: Literal[0, 90]) -> None:
    width, height = 2400, 3200
    back = WayBack(angle=angle, grid=wavy(), width=width, height=height)
    line = np.array([[200, 1500], [2200, 1500], [2200, 1570], [200, 1570]], dtype=np.int16)
    along = np.array([[x, 1500] for x in range(200, 2201, 5)], dtype=np.int16)
    bent = np.array(back.trace(along), dtype=np.float32)

    def farthest(outline: list[list[int]]) -> float:
        shape = np.array(outline, dtype=np.float32)
        return max(abs(cv2.pointPolygonTest(shape, (float(x), float(y)), True)) for x, y in bent)

    assert farthest(back.trace(line)) > 20
    assert farthest(back.outline(line)) <= 1.5  # a pixel, and the rounding of what it is measured with


def test_a_page_is_flattened_the_same_in_bands_as_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    page = bgr(sheet())
    in_bands = flatten(page, wavy())
    monkeypatch.setattr("ocr_engine.geometry._BAND_ROWS", page.shape[0])
    assert np.array_equal(in_bands, flatten(page, wavy()))


def test_a_network_that_gives_no_grid_is_refused() -> None:
    runtime = CannedRuntime(lambda batch: np.zeros((1, 3, 712, 488), dtype=np.float32))
    with pytest.raises(ModelUnavailable, match="not a grid"):
        Unwarper(runtime).unwarp(bgr(sheet()))
    assert runtime.shapes == [(1, 3, 712, 488)]


@pytest.mark.parametrize(
    ("built", "call", "expected"),
    [
        # (preprocessor, orientation, unwarping)
        ({}, {}, (True, True, False)),
        ({"use_doc_unwarping": True}, {}, (True, True, True)),
        ({"use_doc_orientation_classify": False}, {}, (False, False, False)),
        ({}, {"use_doc_unwarping": False}, (True, True, False)),
        ({"profile": "paddleocr-3.7"}, {}, (True, True, True)),
        ({"profile": "paddleocr-3.7", "use_doc_unwarping": False}, {}, (False, False, False)),
        ({"profile": "paddleocr-3.7", "use_doc_orientation_classify": False}, {}, (True, False, True)),
        ({"profile": "paddleocr-3.7"}, {"use_doc_unwarping": False}, (False, False, False)),
        ({"profile": "paddleocr-3.7"}, {"use_doc_orientation_classify": True}, (True, True, True)),
        (
            {"profile": "paddleocr-3.0", "use_doc_unwarping": False, "use_doc_orientation_classify": False},
            {},
            (True, False, False),
        ),
    ],
)
def test_each_profile_joins_orientation_and_unwarping_in_its_own_way(
    built: dict[str, OptionValue], call: dict[str, OptionValue], expected: tuple[bool, bool, bool]
) -> None:
    page = settings_for(EngineOptions.parse(built), PredictOptions.parse(call))
    assert (page.use_doc_preprocessor, page.use_doc_orientation, page.use_doc_unwarping) == expected


@pytest.mark.parametrize(("profile", "limit"), [("default", 736), ("paddleocr-3.7", 64), ("paddleocr-3.0", 736)])
def test_each_profile_has_its_own_detection_size(profile: str, limit: int) -> None:
    page = settings_for(EngineOptions(profile=profile), PredictOptions())
    assert (page.detection.limit_side_len, page.detection.limit_type) == (limit, "min")
    assert page.use_textline_orientation is True
