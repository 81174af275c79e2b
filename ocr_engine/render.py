"""Drawings of a result: the page with its boxes beside the text that was read, and what was done to the page."""

from __future__ import annotations

import random
from collections.abc import Sequence

import cv2
import numpy as np
import PIL.Image
from PIL import ImageDraw

from ocr_engine.fonts import face
from ocr_engine.types import Angle, Image, Polygon

_BLACK, _WHITE = (0, 0, 0), (255, 255, 255)
_VERTICAL_MIN_PX = 30
_LETTER_GAP_PX = 2
_CAPTION_PX = 25
_CAPTION_SIZE_PX = 16

_Colour = tuple[int, int, int]


def draw_lines(page: Image, polygons: Sequence[Polygon], texts: Sequence[str]) -> PIL.Image.Image:
    """Left: the page with every line tinted. Right: the texts, each set into its own quadrilateral. Twice the width."""
    rgb = np.ascontiguousarray(page[:, :, ::-1])
    tinted, sheet = rgb.copy(), np.full_like(rgb, 255)
    colours = _colours(len(polygons))
    for polygon, text, colour in zip(polygons, texts, colours, strict=True):
        cv2.fillPoly(tinted, [polygon.astype(np.int32)], colour)
        _set_text(sheet, polygon, text, colour)
    left = cv2.addWeighted(rgb, 0.5, tinted, 0.5, 0)
    return PIL.Image.fromarray(np.hstack([left, sheet]).astype(np.uint8))


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
        canvas.paste(PIL.Image.fromarray(np.ascontiguousarray(panel[:, :, ::-1])), (left, 0))
        pen.text((left + 10, height + 2), caption, fill=_BLACK, font=face(_CAPTION_SIZE_PX))
        left += panel.shape[1]
    return canvas


def _colours(count: int) -> list[_Colour]:
    """The same colours for the same page, without touching the process's random state."""
    dice = random.Random(0)
    return [(dice.randint(0, 255), dice.randint(0, 255), dice.randint(0, 255)) for _ in range(count)]


def _set_text(sheet: Image, polygon: Polygon, text: str, colour: _Colour) -> None:
    """Warp the set text into the polygon, touching only the polygon's bounding box of `sheet`, and outline it."""
    corners = polygon.astype(np.float32)
    width = max(int(np.linalg.norm(corners[0] - corners[1])), 1)
    height = max(int(np.linalg.norm(corners[0] - corners[3])), 1)
    patch = np.asarray(_typeset(text, width, height), dtype=np.uint8)
    low = np.maximum(polygon.min(axis=0).astype(int), 0)
    high = np.minimum(polygon.max(axis=0).astype(int) + 1, (sheet.shape[1], sheet.shape[0]))
    region = sheet[low[1] : high[1], low[0] : high[0]]
    if region.size:
        source = np.array([[0, 0], [width, 0], [width, height], [0, height]], dtype=np.float32)
        matrix = cv2.getPerspectiveTransform(source, corners - low.astype(np.float32))
        size = (region.shape[1], region.shape[0])
        warped = cv2.warpPerspective(
            patch, matrix, size, flags=cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT, borderValue=_WHITE
        )
        region &= np.asarray(warped, dtype=np.uint8)
    cv2.polylines(sheet, [polygon.astype(np.int32)], isClosed=True, color=colour, thickness=1)


def _typeset(text: str, width: int, height: int) -> PIL.Image.Image:
    """Black text on a white patch of this size, in pixels; tall patches are set downwards."""
    patch = PIL.Image.new("RGB", (width, height), _WHITE)
    if not text:
        return patch
    if height > 2 * width and height > _VERTICAL_MIN_PX:
        _set_downwards(ImageDraw.Draw(patch), text, width, height)
    else:
        _set_across(ImageDraw.Draw(patch), text, width, height)
    return patch


def _set_across(pen: ImageDraw.ImageDraw, text: str, width: int, height: int) -> None:
    """The largest size up to 80 % of the height at which the text is no wider than its box."""
    size = max(int(height * 0.8), 1)
    length = face(size).getlength(text)
    if length > width:
        size = max(int(size * width / length), 1)
    pen.text((0, 0), text, fill=_BLACK, font=face(size))


def _set_downwards(pen: ImageDraw.ImageDraw, text: str, width: int, height: int) -> None:
    """One letter under the other, each in the middle of the width."""
    size = max(10, int(height / len(text) * 0.8 * 1.2))
    widest = max(face(size).getlength(letter) for letter in text)
    if widest > width:
        size = max(int(size * width / widest), 1)
    font, top = face(size), 0.0
    for letter in text:
        box = font.getbbox(letter)
        pen.text(((width - (box[2] - box[0])) / 2, top), letter, fill=_BLACK, font=font)
        top += box[3] - box[1] + _LETTER_GAP_PX
