"""Pixels to numbers: uint8 channels to normalised float32 planes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from ocr_engine.types import Image, Tensor

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Scale:
    """Of every channel v: v scaled by its number (`by`) and then shifted (`shift`), both (c, 1, 1) float32.

    `scaled`: by a product or by a quotient. The reference has both, and each rounds in its own way.
    """

    scaled: np.ufunc
    by: Tensor
    shift: Tensor


def scale_and_shift(mean: Sequence[float], std: Sequence[float]) -> Scale:
    """v * (1/255/std) - mean/std, rounded as the reference does."""
    return Scale(
        scaled=np.multiply,
        by=_a_channel([1.0 / 255.0 / s for s in std]),
        shift=_a_channel([-m / s for m, s in zip(mean, std, strict=True)]),
    )


def half_range() -> Scale:
    """The recogniser's, from -1 to 1. The reference's (v / 255 - 0.5) / 0.5 has the same bits: halves lose none."""
    return Scale(scaled=np.divide, by=_a_channel([127.5] * 3), shift=_a_channel([-1.0] * 3))


def write_planes(image: Image, scale: Scale, out: Tensor) -> None:
    """Scale every channel of image (h, w, 3); write the planes to out (3, h, w)."""
    for plane, target in zip(cv2.split(image), out, strict=True):
        target[...] = plane
    scale.scaled(out, scale.by, out=out)
    out += scale.shift


def _a_channel(numbers: Sequence[float]) -> Tensor:
    return np.array(numbers, dtype=np.float32).reshape(-1, 1, 1)
