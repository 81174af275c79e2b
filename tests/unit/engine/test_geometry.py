"""The geometry against slow but obvious references."""

from __future__ import annotations

from typing import get_args

import cv2
import numpy as np
import pytest

from ocr_engine import geometry
from ocr_engine.geometry import (
    bounds,
    crop_quad,
    order_corners,
    quarter_of,
    rotate_quarter,
    sort_boxes,
    to_original,
    turned,
)
from ocr_engine.types import Angle, Image, Polygon

ANGLES: tuple[Angle, ...] = get_args(Angle)


def noise(height: int, width: int) -> Image:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def warped(image: Image, angle: int) -> Image:
    """The reference's rotation: a cubic warp about (w/2, h/2) onto a canvas that holds it."""
    height, width = image.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1.0)
    cos, sin = abs(matrix[0, 0]), abs(matrix[0, 1])
    new_width, new_height = int(height * sin + width * cos), int(height * cos + width * sin)
    matrix[0, 2] += (new_width - width) / 2
    matrix[1, 2] += (new_height - height) / 2
    return np.asarray(cv2.warpAffine(image, matrix, (new_width, new_height), flags=cv2.INTER_CUBIC), dtype=np.uint8)


@pytest.mark.parametrize("angle", ANGLES)
@pytest.mark.parametrize("size", [(1, 1), (7, 5), (64, 48), (101, 33), (480, 641)])
def test_a_quarter_turn_gives_the_bytes_of_the_reference_warp(angle: Angle, size: tuple[int, int]) -> None:
    image = noise(*size)
    assert np.array_equal(rotate_quarter(image, angle), warped(image, angle))


@pytest.mark.parametrize("angle", ANGLES)
def test_a_polygon_maps_back_onto_the_same_pixels(angle: Angle) -> None:
    page = np.zeros((90, 140, 3), dtype=np.uint8)
    page[30:50, 20:80] = 255
    rows, columns = np.nonzero(rotate_quarter(page, angle)[:, :, 0])
    left, top, right, bottom = columns.min(), rows.min(), columns.max(), rows.max()
    turned = np.array([[left, top], [right, top], [right, bottom], [left, bottom]], dtype=np.int16)
    for x, y in to_original(turned, angle, width=140, height=90):
        assert page[y, x, 0] == 255


@pytest.mark.parametrize("angle", ANGLES)
def test_the_far_edges_map_back_onto_the_page(angle: Angle) -> None:
    height, width = (90, 140) if angle in (0, 180) else (140, 90)
    edges = np.array([[0, 0], [width, 0], [width, height], [0, height]], dtype=np.int16)
    corners = to_original(edges, angle, width=140, height=90)
    assert sorted(map(tuple, corners)) == [(0, 0), (0, 90), (140, 0), (140, 90)]


def box(x: int, y: int) -> Polygon:
    return np.array([[x, y], [x + 50, y], [x + 50, y + 20], [x, y + 20]], dtype=np.int16)


def places(boxes: list[Polygon]) -> list[tuple[int, int]]:
    return [(int(b[0][0]), int(b[0][1])) for b in boxes]


def reference_order(boxes: list[Polygon]) -> list[tuple[int, int]]:
    """Sort by y then x; then each box walks back past right-hand neighbours of its own row."""
    ordered = sorted(places(boxes), key=lambda p: (p[1], p[0]))
    for i in range(len(ordered) - 1):
        j = i
        while j >= 0 and abs(ordered[j + 1][1] - ordered[j][1]) < 10 and ordered[j + 1][0] < ordered[j][0]:
            ordered[j], ordered[j + 1] = ordered[j + 1], ordered[j]
            j -= 1
    return ordered


def test_boxes_of_one_row_are_read_from_left_to_right() -> None:
    assert places(sort_boxes([box(200, 12), box(10, 20), box(100, 15), box(5, 60)])) == [
        (10, 20),
        (100, 15),
        (200, 12),
        (5, 60),
    ]


def test_the_order_is_the_reference_order_on_many_random_pages() -> None:
    dice = np.random.default_rng(1)
    for _ in range(200):
        boxes = [box(int(x), int(y)) for x, y in dice.integers(0, 90, (12, 2))]
        assert places(sort_boxes(boxes)) == reference_order(boxes)


def test_no_boxes_stay_no_boxes() -> None:
    assert sort_boxes([]) == []


def test_corners_are_ordered_clockwise_from_top_left() -> None:
    shuffled = np.array([[50, 20], [0, 0], [0, 20], [50, 0]], dtype=np.float32)
    assert order_corners(shuffled).tolist() == [[0, 0], [50, 0], [50, 20], [0, 20]]


def test_a_straight_crop_is_the_slice() -> None:
    image = noise(60, 120)
    crop = crop_quad(image, np.array([[10, 5], [90, 5], [90, 30], [10, 30]], dtype=np.int16))
    assert crop is not None
    assert np.array_equal(crop, image[5:30, 10:90])


def test_a_tall_crop_is_laid_on_its_side() -> None:
    image = noise(120, 60)
    crop = crop_quad(image, np.array([[10, 5], [30, 5], [30, 95], [10, 95]], dtype=np.int16))
    assert crop is not None
    assert np.array_equal(crop, np.rot90(image[5:95, 10:30]))


def test_a_quadrilateral_without_area_gives_no_crop() -> None:
    assert crop_quad(noise(20, 20), np.array([[3, 3]] * 4, dtype=np.int16)) is None


def test_bounds_hold_every_corner() -> None:
    assert bounds(np.array([[3, 9], [20, 5], [22, 11], [1, 15]], dtype=np.int16)) == [1, 5, 22, 15]


def test_a_line_that_lies_straight_is_cut_out_as_the_warp_of_the_reference_gives_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    random = np.random.default_rng(1)
    page = noise(200, 300)
    corners = [(random.integers(-3, 150, 2), random.integers(2, 140, 2)) for _ in range(300)]
    boxes = [np.array([(x, y), (x + w, y), (x + w, y + h), (x, y + h)], dtype=np.int16) for (x, y), (w, h) in corners]
    crops = [crop_quad(page, box) for box in boxes]
    monkeypatch.setattr(geometry, "_slice", lambda *_: None)
    for box, crop in zip(boxes, crops, strict=True):
        warp = crop_quad(page, box)
        assert crop is not None and warp is not None
        assert np.array_equal(crop, warp)


def test_corners_a_hair_off_whole_pixels_are_no_reason_to_warp(monkeypatch: pytest.MonkeyPatch) -> None:
    page = noise(400, 700)
    box = np.array([(524, 64), (585, 64), (585, 82), (524, 82)], dtype=np.int16)
    corners = order_corners(np.array(box, dtype=np.float32) - np.float32(6e-5))
    monkeypatch.setattr(geometry, "min_area_quad", lambda *_: corners)
    crop = crop_quad(page, box)
    monkeypatch.setattr(geometry, "_slice", lambda *_: None)
    warp = crop_quad(page, box)
    assert crop is not None and np.shares_memory(crop, page)
    assert warp is not None and np.array_equal(crop, warp)


def test_a_tilted_line_that_is_taller_than_enough_is_made_smaller_at_once() -> None:
    page = np.asarray(cv2.resize(noise(50, 112), (900, 400)), dtype=np.uint8)
    lying = np.array([(50, 60), (650, 90), (645, 190), (45, 160)], dtype=np.int16)
    whole, small = crop_quad(page, lying), crop_quad(page, lying, enough_px=50)
    assert whole is not None and small is not None
    assert whole.shape == (100, 600, 3) and small.shape == (50, 300, 3)
    resized = cv2.resize(whole, (300, 50))
    assert np.abs(small.astype(int) - resized).mean() < 2.0
    assert np.abs(np.roll(small, 1, axis=1).astype(int) - resized).mean() > 10.0

    standing = np.array([(200, 20), (300, 24), (290, 324), (190, 320)], dtype=np.int16)
    laid = crop_quad(page, standing, enough_px=50)
    assert laid is not None and laid.shape == (50, 150, 3)
    unchanged = crop_quad(page, lying, enough_px=100)
    assert unchanged is not None and np.array_equal(unchanged, whole)


@pytest.mark.parametrize("angle", ANGLES)
def test_after_its_quarter_turn_a_line_runs_from_left_to_right(angle: Angle) -> None:
    page = np.zeros((200, 200, 3), dtype=np.uint8)
    page[90:110, 20:180], page[90:110, 100:180] = 80, 160
    line = np.array([(20, 90), (180, 90), (180, 110), (20, 110)], dtype=np.int16)
    lying = np.asarray(order_corners(turned_with_page(line, angle).astype(np.float32)), dtype=np.int16)
    crop = crop_quad(np.ascontiguousarray(np.rot90(page, -angle // 90)), lying)
    assert crop is not None
    # Brighter at its end if it is read in this direction.
    is_reversed = crop[:, 5].mean() > crop[:, -5].mean()
    assert turned(quarter_of(lying), 180 * int(is_reversed)) == angle


def turned_with_page(line: Polygon, angle: Angle) -> Polygon:
    """Where a line of a page of 200 pixels is once the page was turned clockwise."""
    for _ in range(angle // 90):
        line = np.stack([200 - line[:, 1], line[:, 0]], axis=1).astype(np.int16)
    return line
