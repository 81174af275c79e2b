"""PNG, JPEG, WebP, BMP and TIFF as pixels. Pillow reads headers, frames and alpha; OpenCV decodes the rest."""

from __future__ import annotations

import io
import os
import re
import struct
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import cv2
import numpy as np
import PIL.Image
from PIL import BmpImagePlugin, ImageFile, ImageOps, JpegImagePlugin, PngImagePlugin, TiffImagePlugin, WebPImagePlugin

from ocr_engine.colour import swap_red_and_blue
from ocr_engine.document import Document, DocumentLimits
from ocr_engine.errors import OutOfMemory, PageTooLarge, UnreadableDocument
from ocr_engine.media import MediaType
from ocr_engine.types import Image

# The plug-ins themselves, not PIL.Image.open: its bomb check is a process-wide setting, ours is an argument.
_READERS: dict[MediaType, type[ImageFile.ImageFile]] = {
    MediaType.PNG: PngImagePlugin.PngImageFile,
    MediaType.JPEG: JpegImagePlugin.JpegImageFile,
    MediaType.WEBP: WebPImagePlugin.WebPImageFile,
    MediaType.BMP: BmpImagePlugin.BmpImageFile,
    MediaType.TIFF: TiffImagePlugin.TiffImageFile,
}
# What Pillow raises on damaged files.
_PILLOW_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    EOFError,
    OverflowError,
    struct.error,
)
_WITH_ALPHA = frozenset({"RGBA", "LA", "PA", "RGBa", "La"})
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# What begins a segment; zeros and restarts lie within a picture.
_JPEG_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_JPEG_START, _JPEG_END = b"\xff\xd8", 0xD9
_NO_MEMORY = cv2.Error.StsNoMem
# Where OpenCV 4.10 is to put a picture, it puts none.
_READS_INTO_NUMPY = tuple(int(part) for part in cv2.__version__.split(".")[:2]) >= (4, 11)


class RasterDocument(Document):
    """One image file; the frames of a TIFF are its pages."""

    def __init__(self, data: bytes, media_type: MediaType, limits: DocumentLimits) -> None:
        """Reads the header and checks every frame's size. Raises: UnreadableDocument, PageTooLarge."""
        self.media_type = media_type
        self.paged = media_type is MediaType.TIFF
        self._data = data
        self._limits = limits
        header = self._header()
        self._transparent = header.mode in _WITH_ALPHA or "transparency" in header.info
        self._check_size(header)
        self.page_count = self._count_frames(header) if self.paged else 1

    def page_image(self, index: int) -> Image:
        if not 0 <= index < self.page_count:
            raise IndexError(index)
        try:
            if self.paged or self._transparent:
                return self._with_pillow(index)
            return self._with_opencv()
        except MemoryError as error:
            raise OutOfMemory from error

    def close(self) -> None:
        self._data = b""

    def _header(self) -> ImageFile.ImageFile:
        with _pillow(f"the {self.media_type.name} image"):
            return _READERS[self.media_type](io.BytesIO(self._data))

    def _count_frames(self, header: ImageFile.ImageFile) -> int:
        with _pillow("the TIFF image"):
            return int(getattr(header, "n_frames", 1))

    def _check_size(self, frame: ImageFile.ImageFile) -> None:
        width, height = frame.size
        limits = self._limits
        if width * height > limits.max_page_pixels or max(width, height) > limits.max_page_side:
            raise PageTooLarge(
                f"the page is {width} x {height} pixels; the limits are {limits.max_page_pixels} pixels and "
                f"{limits.max_page_side} a side; scale it down and try again"
            )

    def _with_opencv(self) -> Image:
        """Decode as the reference does: EXIF turned, 16 bits cut to 8, grey, palette and CMYK made BGR."""
        if _is_cut_short(self._data, self.media_type):
            raise UnreadableDocument(f"the {self.media_type.name} image is cut short; transfer it again")
        try:
            image = _decoded(self._data)
        except cv2.error as error:
            if error.code == _NO_MEMORY:
                raise OutOfMemory from error
            raise UnreadableDocument from error
        if image is None:
            raise UnreadableDocument
        return image

    def _with_pillow(self, index: int) -> Image:
        frame = self._header()
        with _pillow(f"page {index + 1} of the image"):
            frame.seek(index)
            self._check_size(frame)
            frame.load()
            # Pillow turns TIFF frames by itself.
            return _to_bgr(frame if self.paged else ImageOps.exif_transpose(frame))


def _decoded(data: bytes) -> Image | None:
    """The picture as OpenCV decodes it; None: it cannot. Raises: cv2.error.

    `imdecode` copies what it has decoded into numpy's memory. `imread` can decode right into it, which numpy has in
    huge pages: 35 megapixels take half the time and half the memory. So the bytes get a name where the system can.
    """
    image = None
    if sys.platform == "linux" and _READS_INTO_NUMPY:
        # A sandbox may lack these files, or /proc.
        with suppress(OSError), os.fdopen(os.memfd_create("picture"), "wb") as file:
            file.write(data)
            file.flush()
            image = cv2.imread(f"/proc/self/fd/{file.fileno()}", None, cv2.IMREAD_COLOR)
    if image is None:
        image = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), cv2.IMREAD_COLOR)
    return None if image is None else np.asarray(image, dtype=np.uint8)


@contextmanager
def _pillow(what: str) -> Iterator[None]:
    """Translate what Pillow raises, and silence what it warns of: a page is read, or it is an error.

    Raises: PageTooLarge, UnreadableDocument.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        except PIL.Image.DecompressionBombError as error:
            raise PageTooLarge from error
        except _PILLOW_ERRORS as error:
            raise UnreadableDocument(f"{what} is damaged: {error}") from error


def _to_bgr(image: PIL.Image.Image) -> Image:
    """Any Pillow mode to (H, W, 3) BGR: transparency on white, more than 8 bits scaled to 8."""
    if image.mode in _WITH_ALPHA or "transparency" in image.info:
        coloured = image.convert("RGBA")
        sheet = PIL.Image.new("RGBA", coloured.size, "white")
        image = PIL.Image.alpha_composite(sheet, coloured)
    elif image.mode.startswith("I;16"):
        image = PIL.Image.fromarray((np.asarray(image, dtype=np.uint16) >> 8).astype(np.uint8))
    elif image.mode in ("I", "F"):
        image = PIL.Image.fromarray(_stretch(np.asarray(image, dtype=np.float64)))
    return swap_red_and_blue(np.asarray(image.convert("RGB"), dtype=np.uint8))


def _stretch(
    values: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """32-bit greys have no agreed white: darkest to 0, lightest to 255."""
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    return np.nan_to_num((values - low) / ((high - low) or 1.0) * 255).astype(np.uint8)


def _is_cut_short(data: bytes, media_type: MediaType) -> bool:
    """Whether the end of the image is missing. Decoders fill the rest with grey: half a page would pass as a whole."""
    if media_type is MediaType.JPEG:
        return not _closes_its_picture(data)
    if media_type is MediaType.PNG:
        return not _reaches_its_end(data)
    if media_type is MediaType.WEBP:
        return len(data) < int.from_bytes(data[4:8], "little") + 8 - 1
    return False


def _closes_its_picture(jpeg: bytes) -> bool:
    """Whether the segments of a JPEG lead to the end of its picture. More may follow: phones append a film."""
    at = len(_JPEG_START)
    while marker := _JPEG_MARKER.search(jpeg, at):
        at = marker.end()
        if marker[0][1] == _JPEG_END:
            return True
        at += int.from_bytes(jpeg[at : at + 2], "big")
    return False


def _reaches_its_end(png: bytes) -> bool:
    """Whether the chunks of a PNG follow each other up to the last. OpenCV reserves what a chunk says of its length."""
    at = len(_PNG_SIGNATURE)
    while at + 8 <= len(png):
        (length,) = struct.unpack_from(">I", png, at)
        if png[at + 4 : at + 8] == b"IEND":
            return True
        at += length + 12  # with its length, its name and its checksum
    return False
