"""The results of a network that runs by itself: the reference's fields, and a drawing under the name `res`."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from ocr_engine.colour import swap_red_and_blue
from ocr_engine.saving import SavedResult
from ocr_engine.types import Image

if TYPE_CHECKING:
    import PIL.Image
    from PIL import ImageFont

_RED_BGR = (0, 0, 255)
_BLACK, _WHITE = (0, 0, 0), (255, 255, 255)
# The text under or on a picture, as a share of its width, and no smaller than can be read.
_TEXT_SHARE, _MIN_TEXT_PX = 0.05, 12
_MARGIN_PX = 3


class ModuleResult(SavedResult):
    """What one network says about one page or crop: `input_path`, `page_index` and the fields of its kind.

    page: (H, W, 3) BGR, what it was given. It is not printed and not saved.
    """

    def __init__(self, fields: Mapping[str, object], *, page: Image, stem: str | None = None) -> None:
        super().__init__(fields, stem=stem)
        self.page = page

    def _drawings(self) -> Iterator[tuple[str, Callable[[], PIL.Image.Image]]]:
        yield "res", self._drawing

    def _drawing(self) -> PIL.Image.Image:
        return _picture(self.page)


class DetectionResult(ModuleResult):
    """`dt_polys`: int16 (n, 4, 2), pixels. `dt_scores`: n numbers, 0..1."""

    def _drawing(self) -> PIL.Image.Image:
        outlined = self.page.copy()
        cv2.polylines(outlined, [polygon.astype(np.int32) for polygon in self["dt_polys"]], True, _RED_BGR, 2)
        return _picture(outlined)


class RecognitionResult(ModuleResult):
    """`rec_text`, and `rec_score`, 0..1."""

    def _drawing(self) -> PIL.Image.Image:
        import PIL.Image
        from PIL import ImageDraw

        line = _picture(self.page)
        text = f"{self['rec_text']} ({self['rec_score']})"
        size = _size_for(text, line.width)
        drawing = PIL.Image.new("RGB", (line.width, line.height + int(size * 1.5)), _WHITE)
        drawing.paste(line, (0, 0))
        ImageDraw.Draw(drawing).text((0, line.height), text, fill=_BLACK, font=_face(size))
        return drawing


class ClassificationResult(ModuleResult):
    """`class_ids`, `scores` (0..1) and `label_names` of the likeliest classes, the likeliest first."""

    def _drawing(self) -> PIL.Image.Image:
        from PIL import ImageDraw

        drawing = _picture(self.page)
        text = f"{self['label_names'][0]} {self['scores'][0]:.2f}"
        font, pen = _face(_size_for(text, drawing.width)), ImageDraw.Draw(drawing)
        left, top, right, bottom = pen.textbbox((2 * _MARGIN_PX, 2 * _MARGIN_PX), text, font=font)
        pen.rectangle((left - _MARGIN_PX, top - _MARGIN_PX, right + _MARGIN_PX, bottom + _MARGIN_PX), fill=_WHITE)
        pen.text((2 * _MARGIN_PX, 2 * _MARGIN_PX), text, fill=_BLACK, font=font)
        return drawing


class UnwarpingResult(ModuleResult):
    """`doctr_img`: the flat page, (H, W, 3) BGR. Printed and saved as `...`: the picture has it."""

    def _drawing(self) -> PIL.Image.Image:
        return _picture(self["doctr_img"])

    def _printed(self) -> dict[builtins.str, Any]:
        return {**self, "doctr_img": "..."}


def _picture(page: Image) -> PIL.Image.Image:
    # Here, because most who read a page draw none.
    import PIL.Image

    return PIL.Image.fromarray(swap_red_and_blue(page))


def _size_for(text: str, width: int) -> int:
    """The size in pixels at which the text is no wider than that, unless it could not be read."""
    size = max(int(width * _TEXT_SHARE), _MIN_TEXT_PX)
    length = _face(size).getlength(text)
    return size if length <= width else max(int(size * width / length), _MIN_TEXT_PX)


def _face(size_px: int) -> ImageFont.FreeTypeFont:
    # Here, because the typefaces come with a library that takes a second to import.
    from ocr_engine.fonts import face

    return face(size_px)
