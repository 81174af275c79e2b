"""Sheets that become pictures, drawn by Pillow."""

import io
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from workers.demo.samples.faces import Colour, Style, font
from workers.demo.samples.sheet import Point, Sheet

# Drawn at twice the size and shrunk: letters then sit between whole pixels, as print does.
_OVERSAMPLING = 2


class PictureSheet(Sheet):
    """One page as a picture."""

    def __init__(
        self, *, width_pt: float, height_pt: float, pixels_per_pt: float, paper: Colour = (255, 255, 255)
    ) -> None:
        super().__init__(width_pt=width_pt, height_pt=height_pt, pixels_per_pt=pixels_per_pt)
        self._scale = pixels_per_pt * _OVERSAMPLING
        page = self.page()
        self._image = Image.new("RGB", (page.width * _OVERSAMPLING, page.height * _OVERSAMPLING), paper)
        self._pencil = ImageDraw.Draw(self._image)

    def ink_text(self, text: str, pen: Point, style: Style) -> None:
        face = font(style.face, style.size_pt * self._scale)
        self._pencil.text(self._pixel(pen), text, fill=style.ink, font=face, anchor="ls")

    def path(self, points: Sequence[Point], width_pt: float, ink: Colour) -> None:
        width = max(1, round(width_pt * self._scale))
        self._pencil.line([self._pixel(point) for point in points], fill=ink, width=width, joint="curve")

    def area(self, points: Sequence[Point], fill: Colour) -> None:
        self._pencil.polygon([self._pixel(point) for point in points], fill=fill)

    def picture(self) -> NDArray[np.uint8]:
        """Return the page: uint8, (height, width, 3), RGB."""
        page = self.page()
        small = cv2.resize(np.asarray(self._image), (page.width, page.height), interpolation=cv2.INTER_AREA)
        return small.astype(np.uint8)

    def _pixel(self, point: Point) -> tuple[float, float]:
        return point[0] * self._scale, point[1] * self._scale


def png_bytes(picture: NDArray[np.uint8], *, dpi: int) -> bytes:
    """Encode a picture, (height, width, 3) RGB or (height, width) grey, as PNG."""
    target = io.BytesIO()
    Image.fromarray(picture).save(target, "PNG", optimize=True, dpi=(dpi, dpi))
    return target.getvalue()


def jpeg_bytes(picture: NDArray[np.uint8], *, quality: int, dpi: int) -> bytes:
    """Encode a picture, (height, width, 3) RGB or (height, width) grey, as JPEG. quality: 0..95."""
    target = io.BytesIO()
    Image.fromarray(picture).save(target, "JPEG", quality=quality, dpi=(dpi, dpi))
    return target.getvalue()
