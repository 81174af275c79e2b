"""The two orders of a picture's colours: OpenCV's BGR, which pages have, and RGB, which others want."""

from __future__ import annotations

import cv2
import numpy as np

from ocr_engine.types import Image


def swap_red_and_blue(picture: Image) -> Image:
    """A picture (H, W, 3) in the other order, as a new array. A copy of the reversed view takes nine times as long."""
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), dtype=np.uint8)
