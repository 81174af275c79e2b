"""Document unwarping: a curved or folded page made flat."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from ocr_engine.errors import ModelUnavailable
from ocr_engine.runtimes import Runtime
from ocr_engine.types import Grid, Image

_WIDTH_PX, _HEIGHT_PX = 488, 712


class Unwarper:
    """UVDoc as a grid network. Holds no state per call; safe from several threads."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def grid_of(self, page: Image) -> Grid:
        """Where each knot of the flat page lies on `page`. Raises: ModelUnavailable: the network gives no grid."""
        small = cv2.resize(page, (_WIDTH_PX, _HEIGHT_PX), interpolation=cv2.INTER_AREA)
        # Any: this network alone takes half precision.
        batch: Any = np.ascontiguousarray((small[:, :, ::-1] / 255.0).transpose(2, 0, 1)[None], dtype=np.float16)
        grid = self._runtime.run(batch)
        if grid.ndim != 4 or grid.shape[1] != 2:
            raise ModelUnavailable(
                f"the unwarping network gives shape {grid.shape}, not a grid (n, 2, rows, columns); "
                "use the packaged UVDoc"
            )
        return np.ascontiguousarray(grid[0], dtype=np.float32)
