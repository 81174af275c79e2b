"""Text line orientation: which cropped lines are upside down."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from ocr_engine.modules.normalize import IMAGENET_MEAN, IMAGENET_STD, Scale, half_range, scale_and_shift, write_planes
from ocr_engine.runtimes import Runtime
from ocr_engine.types import Image, Scores, Tensor

MOBILE_V2 = "ch_ppocr_mobile_v2.0_cls"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Shape:
    """What a classifier is given: pixels, and whether a short line is padded instead of stretched."""

    width: int
    height: int
    padded: bool
    red_first: bool
    # Probability that "upside down" needs beyond being the best class, 0..1.
    threshold: float
    scale: Callable[[], Scale]


_LCNET = _Shape(
    width=160,
    height=80,
    padded=False,
    red_first=True,
    threshold=0.0,
    scale=lambda: scale_and_shift(IMAGENET_MEAN, IMAGENET_STD),
)
# The classifier of the 2.x generation, with its arithmetic and its threshold.
_MOBILE = _Shape(width=192, height=48, padded=True, red_first=False, threshold=0.9, scale=half_range)


class LineOrientationClassifier:
    """PP-LCNet_*_textline_ori or ch_ppocr_mobile_v2.0_cls. Holds no state per call; safe from several threads."""

    def __init__(self, runtime: Runtime, *, name: str, batch_size: int, first_decides: bool = False) -> None:
        """`first_decides`: every line gets the class of the first of its batch, as in PaddleX 3.7."""
        self._runtime = runtime
        self._first_decides = first_decides
        self._shape = _MOBILE if name == MOBILE_V2 else _LCNET
        self._scale = self._shape.scale()
        self._batch_size = batch_size

    def classify(self, crops: Sequence[Image]) -> list[int]:
        """The class of every crop (h, w, 3): 0 upright, 1 upside down. Raises: OutOfMemory, InternalError."""
        classes: list[int] = []
        for start in range(0, len(crops), self._batch_size):
            scores = self.scores(crops[start : start + self._batch_size])
            turned = (scores[:, 1] > scores[:, 0]) & (scores[:, 1] > self._shape.threshold)
            found = [int(one) for one in turned]
            classes += found[:1] * len(found) if self._first_decides else found
        return classes

    def scores(self, crops: Sequence[Image]) -> Scores:
        """The probabilities of upright and upside down: (n, 2). One batch."""
        return np.asarray(self._runtime.run(self._prepare(crops)), dtype=np.float32)

    def _prepare(self, crops: Sequence[Image]) -> Tensor:
        """The crops as (n, 3, height, width); what is right of a padded line is 0.0."""
        shape = self._shape
        batch = np.zeros((len(crops), 3, shape.height, shape.width), dtype=np.float32)
        for at, crop in enumerate(crops):
            width = shape.width
            if shape.padded:
                width = min(math.ceil(shape.height * crop.shape[1] / crop.shape[0]), width)
            resized = np.asarray(cv2.resize(crop, (width, shape.height)), dtype=np.uint8)
            ordered = np.ascontiguousarray(resized[:, :, ::-1]) if shape.red_first else resized
            write_planes(ordered, self._scale, batch[at, :, :, :width])
        return batch
