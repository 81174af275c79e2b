"""The smallest rectangle has the bits of OpenCV 4.10, whatever release is installed."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from ocr_engine.geometry import min_area_quad, order_corners

# Outlines, and the corners that OpenCV 4.10.0 gives them: leaning, along the axes, and nearly so.
KNOWN: list[tuple[list[list[int]], list[list[float]]]] = [
    (
        [[10, 10], [110, 20], [108, 40], [8, 30]],
        [[10.0, 10.000001907348633], [109.99998474121094, 20.0], [107.99998474121094, 40.0], [8.0, 30.0]],
    ),
    (
        [[193, 869], [413, 869], [413, 918], [193, 918]],
        [[193.00001525878906, 869.0], [413.0, 869.0], [413.0, 918.0], [193.00001525878906, 918.0]],
    ),
    (
        [[816, 1610], [1433, 1610], [1433, 1651], [816, 1651]],
        [[816.0000610351562, 1610.0], [1433.0, 1610.0], [1433.0, 1651.0], [816.0, 1651.0]],
    ),
    (
        [[711, 872], [900, 872], [900, 914], [711, 914]],
        [
            [710.9999389648438, 872.0],
            [899.9999389648438, 872.0],
            [899.9999389648438, 914.0],
            [710.9999389648438, 914.0],
        ],
    ),
    (
        [[270, 1051], [1071, 1054], [1071, 1118], [270, 1115]],
        [
            [270.0000305175781, 1051.0001220703125],
            [1071.23974609375, 1054.0010986328125],
            [1071.0, 1118.0001220703125],
            [269.7602844238281, 1114.9991455078125],
        ],
    ),
    (
        [[672, 608], [1240, 614], [1240, 665], [672, 659]],
        [
            [672.0, 608.0000610351562],
            [1240.5386962890625, 614.0057983398438],
            [1240.0, 665.0000610351562],
            [671.4613037109375, 658.9943237304688],
        ],
    ),
]


@pytest.mark.parametrize(("points", "expected"), KNOWN)
def test_the_corners_are_those_of_opencv_4_10_to_the_last_bit(
    points: list[list[int]], expected: list[list[float]]
) -> None:
    corners = min_area_quad(np.array(points, dtype=np.int32))
    assert corners is not None
    assert corners.tolist() == expected


def test_the_rectangle_is_the_one_that_opencv_finds() -> None:
    random = np.random.default_rng(3)
    for _ in range(300):
        points = random.integers(0, 400, size=(random.integers(3, 30), 2)).astype(np.int32)
        corners = min_area_quad(points)
        assert corners is not None
        theirs = order_corners(np.asarray(cv2.boxPoints(cv2.minAreaRect(points)), dtype=np.float32))
        # Sorted: corners that are level to a bit may change places.
        assert np.allclose(np.sort(corners, axis=0), np.sort(theirs, axis=0), atol=0.05)


def test_a_rectangle_that_is_too_thin_is_none() -> None:
    thin = np.array([[0, 0], [100, 0], [100, 2], [0, 2]], dtype=np.int32)
    assert min_area_quad(thin, min_side_px=3) is None
    assert min_area_quad(thin, min_side_px=2) is not None
    assert min_area_quad(np.array([[0, 0], [50, 50]], dtype=np.int32), min_side_px=3) is None
