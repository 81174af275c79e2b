"""Pixels to numbers: uint8 channels to normalised float32 planes."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from ocr_engine.types import Image, Tensor

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def scale_and_shift(mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """One table a channel, (c, 256) float32: table[c][v] = v * (1/255/std) - mean/std, rounded as the reference does.

    A table gives the reference's bits, because every result depends on one byte only.
    """
    levels = np.arange(256, dtype=np.float32)
    rows = [levels * (1.0 / 255.0 / s) + (-m / s) for m, s in zip(mean, std, strict=True)]
    return np.stack(rows).astype(np.float32)


def half_range() -> Tensor:
    """The recogniser's table, (3, 256) float32: (v / 255 - 0.5) / 0.5."""
    levels = np.arange(256, dtype=np.float32) / 255
    return np.tile((levels - 0.5) / 0.5, (3, 1)).astype(np.float32)


def write_planes(image: Image, tables: Tensor, out: Tensor) -> None:
    """Look every channel of image (h, w, 3) up in its table; write the planes to out (3, h, w)."""
    for plane, table, target in zip(cv2.split(image), tables, out, strict=True):
        cv2.LUT(plane, table, dst=target)
