"""Colours in the other order: all of them, once, and of a part of a picture as well."""

from __future__ import annotations

import numpy as np

from ocr_engine.colour import swap_red_and_blue


def test_red_and_blue_change_places() -> None:
    picture = np.arange(5 * 7 * 3, dtype=np.uint8).reshape(5, 7, 3)
    swapped = swap_red_and_blue(picture[1:4, 2:6])
    assert (swapped == picture[1:4, 2:6, ::-1]).all()
    assert swapped.flags.c_contiguous and swapped.flags.writeable


def test_one_pixel_stays_a_picture() -> None:
    assert swap_red_and_blue(np.array([[[1, 2, 3]]], dtype=np.uint8)).tolist() == [[[3, 2, 1]]]
