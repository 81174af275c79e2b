"""The pictures that PaddleX's serving gives with a page: the input, its lines, and how it was turned and flattened.

Its sizes and its coder: at most 2000 pixels a side, shrunk by OpenCV's bilinear resize, JPEG at OpenCV's quality of 95.
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from ocr_engine.colour import swap_red_and_blue
from ocr_engine.results import OCRResult
from ocr_engine.types import Image

_MAX_SIDE_PX = 2000
# Drawing -> PaddleX's name for it.
_NAMES = {"ocr_res_img": "ocr_img", "preprocessed_img": "doc_preprocessing_img"}


def serving_images(page: Image, result: OCRResult) -> Iterator[tuple[str, bytes]]:
    """Each with its name, as a JPEG. `page`: (H, W, 3) BGR, as it was given."""
    yield "input_img", _jpeg(page)
    for name, drawing in result.img.items():
        yield _NAMES[name], _jpeg(swap_red_and_blue(np.asarray(drawing.convert("RGB"), dtype=np.uint8)))


def _jpeg(image: Image) -> bytes:
    height, width = image.shape[:2]
    factor = _MAX_SIDE_PX / max(width, height)
    if factor < 1.0:
        small = cv2.resize(image, (max(int(factor * width), 1), max(int(factor * height), 1)))
        image = np.asarray(small, dtype=np.uint8)
    return cv2.imencode(".jpg", image)[1].tobytes()
