"""Document unwarping: a curved or folded page made flat."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from ocr_engine.errors import ModelUnavailable
from ocr_engine.geometry import flatten
from ocr_engine.runtimes import Runtime
from ocr_engine.types import Grid, Image, Tensor

_WIDTH_PX, _HEIGHT_PX = 488, 712


@dataclass(frozen=True, kw_only=True, slots=True)
class Unwarped:
    """The flat page, of the size of the curved one.

    grid: where its knots lie on the curved page; None: the network does not tell.
    by_grid: the flat page is `flatten(curved page, grid)`, and can be made again.
    """

    page: Image
    grid: Grid | None
    by_grid: bool


class Unwarper:
    """UVDoc in one of its two forms. Holds no state per call; safe from several threads.

    The packaged form takes a small page and gives the grid. The official form, `takes_page`, takes the page in full and
    gives the flat page, with the grid as its last output where that could be added.
    """

    def __init__(self, runtime: Runtime, *, takes_page: bool = False) -> None:
        self._runtime = runtime
        self._takes_page = takes_page

    def unwarp(self, page: Image) -> Unwarped:
        """Flatten the page (H, W, 3) BGR. Raises: ModelUnavailable: the network is not of that form; OutOfMemory."""
        if self._takes_page:
            return self._with_network(page)
        grid = self.grid_of(page)
        return Unwarped(page=flatten(page, grid), grid=grid, by_grid=True)

    def grid_of(self, page: Image) -> Grid:
        """Where each knot of the flat page lies on `page`. Raises: ModelUnavailable: the network gives no grid."""
        small = cv2.resize(page, (_WIDTH_PX, _HEIGHT_PX), interpolation=cv2.INTER_AREA)
        # Any: this network alone takes half precision.
        batch: Any = np.ascontiguousarray((small[:, :, ::-1] / 255.0).transpose(2, 0, 1)[None], dtype=np.float16)
        grid = self._runtime.run(batch)
        if grid.ndim != 4 or grid.shape[1] != 2:
            raise ModelUnavailable(
                f"the unwarping network gives shape {grid.shape}, not a grid (n, 2, rows, columns); "
                "use the packaged UVDoc or an official one"
            )
        return np.ascontiguousarray(grid[0], dtype=np.float32)

    def _with_network(self, page: Image) -> Unwarped:
        """As the reference: BGR / 255 in, BGR * 255 out, cut to whole numbers."""
        batch = np.ascontiguousarray(page.transpose(2, 0, 1)[None], dtype=np.float32)
        batch *= np.float32(1.0 / 255.0)
        flat, *grids = self._runtime.run_all(batch)
        if flat.shape != batch.shape:
            raise ModelUnavailable(
                f"the unwarping network made shape {flat.shape} of a page {batch.shape}; use an official UVDoc"
            )
        flat *= np.float32(255.0)
        # The reference leaves the conversion of what lies outside 0..255 to the processor; resampling never gives that.
        pixels = np.ascontiguousarray(flat[0].transpose(1, 2, 0).clip(0, 255).astype(np.uint8))
        return Unwarped(page=pixels, grid=_as_planes(grids[-1]) if grids else None, by_grid=False)


def _as_planes(grid: Tensor) -> Grid:
    """(n, 2, rows, columns), or (n, rows, columns, 2), as the grid of its one page."""
    planes = grid[0] if grid.shape[1] == 2 else grid[0].transpose(2, 0, 1)
    return np.ascontiguousarray(planes, dtype=np.float32)
