"""The picture of a page as a PDF keeps it: the JPEG itself where the page is one, else packed again."""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass

import cv2
import numpy as np
import PIL.Image
from PIL import JpegImagePlugin

from ocr_engine.colour import swap_red_and_blue
from ocr_engine.types import Image

# A page that takes more than this many bytes a pixel without loss is a photograph.
_PHOTOGRAPH_BYTES_A_PIXEL = 0.75
_JPEG_QUALITY = 85
_EXIF_ORIENTATION, _UPRIGHT = 0x0112, 1
_JPEG_SPACES = {"L": "/DeviceGray", "RGB": "/DeviceRGB"}


@dataclass(frozen=True, kw_only=True, slots=True)
class PackedImage:
    """An image XObject: its dictionary without `/Length`, and its bytes."""

    dictionary: str
    data: bytes


def jpeg_as_it_is(data: bytes) -> PackedImage | None:
    """A JPEG file as an image of a PDF, byte for byte; None: a PDF would show it in another way than a viewer does."""
    with JpegImagePlugin.JpegImageFile(io.BytesIO(data)) as picture:
        if picture.mode not in _JPEG_SPACES or picture.getexif().get(_EXIF_ORIENTATION, _UPRIGHT) != _UPRIGHT:
            return None
        return PackedImage(
            dictionary=_dictionary(picture.width, picture.height, _JPEG_SPACES[picture.mode], 8, "/DCTDecode"),
            data=data,
        )


def packed(page: Image) -> PackedImage:
    """A page (H, W, 3) BGR: black and white and greys by themselves, without loss; a photograph as a JPEG."""
    height, width = page.shape[:2]
    lossless = _lossless(page)
    if len(lossless.data) <= _PHOTOGRAPH_BYTES_A_PIXEL * width * height:
        return lossless
    done, jpeg = cv2.imencode(".jpg", page, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    if not done:  # wider than a JPEG can be
        return lossless
    return PackedImage(dictionary=_dictionary(width, height, "/DeviceRGB", 8, "/DCTDecode"), data=jpeg.tobytes())


def _lossless(page: Image) -> PackedImage:
    height, width = page.shape[:2]
    picture = PIL.Image.fromarray(page[:, :, 0] if _is_grey(page) else swap_red_and_blue(page))
    space, bits, colours = ("/DeviceGray", 8, 1) if picture.mode == "L" else ("/DeviceRGB", 8, 3)
    if picture.mode == "L" and bool(np.isin(page[:, :, 0], (0, 255)).all()):
        picture, bits = picture.convert("1", dither=PIL.Image.Dither.NONE), 1
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG")
    # A PNG's data are rows with predictors, deflated: just what PDF calls FlateDecode with predictor 15.
    rows = f"/Predictor 15/Colors {colours}/BitsPerComponent {bits}/Columns {width}"
    return PackedImage(
        dictionary=_dictionary(width, height, space, bits, f"/FlateDecode/DecodeParms<<{rows}>>"),
        data=_png_data(buffer.getvalue()),
    )


def _is_grey(page: Image) -> bool:
    return bool((page[:, :, 0] == page[:, :, 1]).all() and (page[:, :, 1] == page[:, :, 2]).all())


def _dictionary(width: int, height: int, space: str, bits: int, rest: str) -> str:
    return (
        f"<</Type/XObject/Subtype/Image/Width {width}/Height {height}/ColorSpace{space}"
        f"/BitsPerComponent {bits}/Filter{rest}>>"
    )


def _png_data(png: bytes) -> bytes:
    """The chunks IDAT of a PNG, one after the other."""
    found, at = [], 8
    while at < len(png):
        (length,) = struct.unpack_from(">I", png, at)
        if png[at + 4 : at + 8] == b"IDAT":
            found.append(png[at + 8 : at + 8 + length])
        at += length + 12
    return b"".join(found)
