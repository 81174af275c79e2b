"""Text recognition: cropped lines to what they say."""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np

from ocr_engine.crew import Crew
from ocr_engine.modules.ctc import Alphabet, decode_best
from ocr_engine.modules.halving import in_halves
from ocr_engine.modules.normalize import half_range, write_planes
from ocr_engine.runtimes import Runtime
from ocr_engine.types import Image, Reading, Tensor

_HEIGHT_PX = 48
# Narrower lines are padded to this; it is part of the reference's arithmetic, not a tuning knob.
_MIN_WIDTH_PX = 320
_MAX_WIDTH_PX = 3200


class TextRecognizer:
    """PP-OCR's CTC recogniser. Holds no state per call; safe from several threads."""

    def __init__(
        self,
        runtime: Runtime,
        alphabet: Alphabet,
        *,
        batch_size: int,
        input_shape: Sequence[int] | None = None,
        crew: Crew | None = None,
    ) -> None:
        """`input_shape`: (channels, height, width) that every line is stretched to; None: 48 high, as wide as it is.

        `crew`: reads batches side by side; one after the other without it.
        """
        self._crew = crew or Crew(1)
        self._input_shape = input_shape
        self._runtime = runtime
        self._alphabet = alphabet
        self._batch_size = batch_size
        self._scale = half_range()

    def recognize(self, crops: Sequence[Image]) -> list[Reading]:
        """Read the crops (h, w, 3) of one page; readings come in the order of the crops.

        Crops are read narrowest first, `batch_size` at a time, each batch padded to its widest: a score depends
        slightly on its batch, so the grouping is part of the arithmetic. A batch that does not fit into memory is read
        in halves. Raises: OutOfMemory, InternalError.
        """
        ratios = [crop.shape[1] / crop.shape[0] for crop in crops]
        narrowest_first = sorted(range(len(crops)), key=lambda i: ratios[i])
        batches = [narrowest_first[at : at + self._batch_size] for at in range(0, len(crops), self._batch_size)]

        def read_batch(chosen: Sequence[int]) -> list[Reading]:
            classes, scores = self._runtime.best(self._prepare([crops[i] for i in chosen]))
            widest = max(_MIN_WIDTH_PX / _HEIGHT_PX, *(ratios[i] for i in chosen))
            return [
                decode_best(classes[at], scores[at], self._alphabet, share=ratios[i] / widest)
                for at, i in enumerate(chosen)
            ]

        found = self._crew.map(
            lambda chosen: in_halves(read_batch, chosen), batches, cost=lambda chosen: len(chosen) * ratios[chosen[-1]]
        )
        readings = {
            i: reading
            for chosen, batch in zip(batches, found, strict=True)
            for i, reading in zip(chosen, batch, strict=True)
        }
        return [readings[i] for i in range(len(crops))]

    def _prepare(self, crops: Sequence[Image]) -> Tensor:
        """The crops as (n, 3, 48, widest); what is right of a line is 0.0, which is mid-grey."""
        if self._input_shape is not None:
            return self._stretched(crops, self._input_shape)
        widths = [line_widths(crop.shape[1], crop.shape[0]) for crop in crops]
        batch = np.zeros((len(crops), 3, _HEIGHT_PX, max(padded for _, padded in widths)), dtype=np.float32)
        for at, (crop, (width, _)) in enumerate(zip(crops, widths, strict=True)):
            resized = np.asarray(cv2.resize(crop, (width, _HEIGHT_PX)), dtype=np.uint8)
            write_planes(resized, self._scale, batch[at, :, :, :width])
        return batch

    def _stretched(self, crops: Sequence[Image], shape: Sequence[int]) -> Tensor:
        channels, height, width = shape
        batch = np.empty((len(crops), channels, height, width), dtype=np.float32)
        for at, crop in enumerate(crops):
            write_planes(np.asarray(cv2.resize(crop, (width, height)), dtype=np.uint8), self._scale, batch[at])
        return batch


def line_widths(width: int, height: int) -> tuple[int, int]:
    """Width of the resized line and of its padded tensor, pixels, for a crop of this size."""
    ratio = width / height
    padded = int(_HEIGHT_PX * max(_MIN_WIDTH_PX / _HEIGHT_PX, ratio))
    if padded > _MAX_WIDTH_PX:
        return _MAX_WIDTH_PX, _MAX_WIDTH_PX
    return min(math.ceil(_HEIGHT_PX * ratio), padded), padded
