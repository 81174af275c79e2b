"""Drawings of a result: the page with its boxes beside the text that was read, and what was done to the page.

The canvas is the only thing of the size of a page that is made here; all else is as large as one box or one band.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import PIL.Image
from PIL import ImageDraw

from ocr_engine.colour import swap_red_and_blue
from ocr_engine.fonts import face
from ocr_engine.types import Angle, Image, Polygon
from ocr_engine.typeset import typeset

_BLACK, _WHITE = (0, 0, 0), (255, 255, 255)
_CAPTION_PX = 25
_CAPTION_SIZE_PX = 16
# Rows copied at a time. Any number gives the same picture; this one keeps a band of the widest page under 25 MB.
_BAND_ROWS = 256

_Colour = tuple[int, int, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Window:
    """The pixels of a page that a polygon touches; `right` and `bottom` are the first beyond it."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.right - self.left, self.bottom - self.top

    def inside(self, polygon: Polygon) -> np.typing.NDArray[np.int32]:
        """The polygon in pixels of the window."""
        return polygon.astype(np.int32) - np.array([self.left, self.top], dtype=np.int32)


def draw_lines(page: Image, polygons: Sequence[Polygon], texts: Sequence[str]) -> PIL.Image.Image:
    """Left: the page with every line tinted. Right: the texts, each set into its own quadrilateral. Twice the width."""
    height, width = page.shape[:2]
    canvas = PIL.Image.new("RGB", (2 * width, height), _WHITE)
    _paste_page(canvas, page, 0)
    for polygon, text, colour in zip(polygons, texts, _colours(len(polygons)), strict=True):
        window = _window(polygon, width, height)
        if window is not None:
            _tint(canvas, page, window, polygon, colour)
            _set_text(canvas, window, polygon, text, colour)
    return canvas


def shrink(page: Image, *, max_side: int) -> PIL.Image.Image:
    """The page with at most `max_side` pixels a side; one that is smaller already stays as it is."""
    height, width = page.shape[:2]
    scale = min(1.0, max_side / max(height, width))
    if scale < 1:
        size = max(1, round(width * scale)), max(1, round(height * scale))
        page = cv2.resize(page, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
    return PIL.Image.fromarray(swap_red_and_blue(page))


def draw_preprocessing(
    page: Image, turned: Image, flat: Image, *, angle: Angle | None, unwarped: bool
) -> PIL.Image.Image:
    """Side by side with captions: the page, the page turned, and the page unwarped. `angle` None: not asked."""
    panels = (
        (page, "Original Image"),
        (turned, f"Rotated Image ({angle is not None}, {-1 if angle is None else angle})"),
        (flat, f"Unwarping Image ({unwarped})"),
    )
    height = max(panel.shape[0] for panel, _ in panels)
    canvas = PIL.Image.new("RGB", (sum(panel.shape[1] for panel, _ in panels), height + _CAPTION_PX), _WHITE)
    pen, left = ImageDraw.Draw(canvas), 0
    for panel, caption in panels:
        _paste_page(canvas, panel, left)
        pen.text((left + 10, height + 2), caption, fill=_BLACK, font=face(_CAPTION_SIZE_PX))
        left += panel.shape[1]
    return canvas


def _colours(count: int) -> list[_Colour]:
    """The same colours for the same page, without touching the process's random state."""
    dice = random.Random(0)
    return [(dice.randint(0, 255), dice.randint(0, 255), dice.randint(0, 255)) for _ in range(count)]


def _paste_page(canvas: PIL.Image.Image, page: Image, left: int) -> None:
    """Copy the page (h, w, 3) BGR into the canvas, a band of rows at a time."""
    for top in range(0, page.shape[0], _BAND_ROWS):
        band = swap_red_and_blue(page[top : top + _BAND_ROWS])
        canvas.paste(PIL.Image.fromarray(band), (left, top))


def _window(polygon: Polygon, width: int, height: int) -> _Window | None:
    """What the polygon covers of a page of this size; None when it lies outside."""
    low = np.maximum(polygon.min(axis=0).astype(int), 0)
    high = np.minimum(polygon.max(axis=0).astype(int) + 1, (width, height))
    if (low >= high).any():
        return None
    return _Window(left=int(low[0]), top=int(low[1]), right=int(high[0]), bottom=int(high[1]))


def _tint(canvas: PIL.Image.Image, page: Image, window: _Window, polygon: Polygon, colour: _Colour) -> None:
    """Half the page's colour and half the line's inside the polygon; where lines overlap, the last one counts."""
    mask = np.zeros(window.size[::-1], dtype=np.uint8)
    cv2.fillPoly(mask, [window.inside(polygon)], 255)
    patch = swap_red_and_blue(page[window.top : window.bottom, window.left : window.right])
    blended = cv2.addWeighted(patch, 0.5, np.full_like(patch, colour), 0.5, 0)
    canvas.paste(
        PIL.Image.fromarray(np.asarray(blended, dtype=np.uint8)), (window.left, window.top), PIL.Image.fromarray(mask)
    )


def _set_text(canvas: PIL.Image.Image, window: _Window, polygon: Polygon, text: str, colour: _Colour) -> None:
    """Warp the set text into the polygon on the right half of the canvas, and outline it."""
    corners = window.inside(polygon).astype(np.float32)
    width = max(int(np.linalg.norm(corners[0] - corners[1])), 1)
    height = max(int(np.linalg.norm(corners[0] - corners[3])), 1)
    source = np.array([[0, 0], [width, 0], [width, height], [0, height]], dtype=np.float32)
    warped = cv2.warpPerspective(
        np.asarray(typeset(text, width, height), dtype=np.uint8),
        cv2.getPerspectiveTransform(source, corners),
        window.size,
        flags=cv2.INTER_NEAREST,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=_WHITE,
    )
    patch = cv2.cvtColor(warped, cv2.COLOR_GRAY2RGB)
    cv2.polylines(patch, [window.inside(polygon)], isClosed=True, color=colour, thickness=1)
    left = canvas.width // 2 + window.left
    box = (left, window.top, left + window.size[0], window.top + window.size[1])
    canvas.paste(PIL.Image.fromarray(np.asarray(canvas.crop(box)) & np.asarray(patch, dtype=np.uint8)), box[:2])
