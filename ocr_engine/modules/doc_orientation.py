"""Document orientation: which way a page is turned."""

from __future__ import annotations

import cv2
import numpy as np

from ocr_engine.modules.normalize import IMAGENET_MEAN, IMAGENET_STD, scale_and_shift, write_planes
from ocr_engine.runtimes import Runtime
from ocr_engine.types import Angle, Image, Scores, Tensor

_SHORT_SIDE_PX = 256
_CROP_PX = 224
_ANGLES: tuple[Angle, ...] = (0, 90, 180, 270)


class OrientationClassifier:
    """PP-LCNet_x1_0_doc_ori. Holds no state per call; safe from several threads."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._scale = scale_and_shift(IMAGENET_MEAN, IMAGENET_STD)

    def classify(self, image: Image) -> Angle:
        """The turn that `rotate_quarter` undoes. The best class wins, however unsure. Raises: OutOfMemory."""
        return _ANGLES[int(self.scores(image).argmax())]

    def scores(self, image: Image) -> Scores:
        """The probability of 0, 90, 180 and 270 degrees: (4,)."""
        return np.asarray(self._runtime.run(self._prepare(image))[0], dtype=np.float32)

    def _prepare(self, image: Image) -> Tensor:
        """The middle 224 x 224 of the page with its short side at 256, RGB, (1, 3, 224, 224)."""
        height, width = image.shape[:2]
        scale = _SHORT_SIDE_PX / min(height, width)
        size = (round(width * scale), round(height * scale))
        resized = cv2.resize(image, size, interpolation=cv2.INTER_LINEAR)
        left, top = (size[0] - _CROP_PX) // 2, (size[1] - _CROP_PX) // 2
        middle = resized[top : top + _CROP_PX, left : left + _CROP_PX, ::-1]
        batch = np.empty((1, 3, _CROP_PX, _CROP_PX), dtype=np.float32)
        write_planes(np.ascontiguousarray(middle, dtype=np.uint8), self._scale, batch[0])
        return batch
