"""What `predict` accepts, opened out to a plain sequence of pages in memory and documents to open."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from ocr_engine.document import DocumentLimits
from ocr_engine.errors import InvalidRequest, PageTooLarge, SourceNotFound
from ocr_engine.types import Image
from ocr_engine.web import is_address

Source: TypeAlias = str | Path | bytes | npt.NDArray[np.uint8]

# A folder also holds other files; these are looked at. A file that is named outright is judged by content alone.
_SUFFIXES = frozenset({".pdf", ".png", ".jpg", ".jpeg", ".webp", ".bmp", ".dib", ".tif", ".tiff"})


def expand(source: Source | Sequence[Source]) -> Iterator[str | bytes | Image]:
    """Yield the paths of files as they were given, web addresses, bytes and arrays in order.

    A folder gives its documents, sub-folders included, by sorted path. Nothing is opened or fetched yet.

    Raises: InvalidRequest: a type that cannot be read, or a folder without documents; SourceNotFound.
    """
    if isinstance(source, str) and is_address(source):
        yield source
    elif isinstance(source, str | Path):
        yield from _files(str(source))
    elif isinstance(source, bytes):
        yield source
    elif isinstance(source, np.ndarray):
        yield check_page(source)
    elif isinstance(source, list | tuple):
        for item in source:
            yield from expand(item)
    else:
        raise InvalidRequest(f"cannot read a {type(source).__name__}; give a path, bytes, an array, or a list of them")


def _files(source: str) -> Iterator[str]:
    if not source:
        raise InvalidRequest("an empty path names no file; give . for the folder that you are in")
    path = Path(source)
    if not path.exists():
        raise SourceNotFound(f"there is no file {source}; check the path")
    if not path.is_dir():
        yield source
        return
    # By the whole path as text, which is the reference's order: "a-1/x.png", "a.png", "a/x.png".
    inside = [p for p in path.rglob("*") if p.suffix.lower() in _SUFFIXES and p.is_file()]
    documents = sorted(f"{source.rstrip('/')}/{p.relative_to(path).as_posix()}" for p in inside)
    if not documents:
        raise InvalidRequest(f"the folder {path} holds no PDF and no PNG, JPEG, WebP, BMP or TIFF image")
    yield from documents


def check_page(array: npt.NDArray[np.uint8]) -> Image:
    """The page itself, rows contiguous.

    Raises: InvalidRequest: not a BGR page; PageTooLarge: a side that int16 polygons cannot address.
    """
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3 or 0 in array.shape:
        raise InvalidRequest(
            f"an array of shape {array.shape} and type {array.dtype} is not a page; give (H, W, 3) uint8 BGR, "
            "for grey pages cv2.cvtColor(page, cv2.COLOR_GRAY2BGR)"
        )
    limit = DocumentLimits().max_page_side
    if max(array.shape[:2]) > limit:
        raise PageTooLarge(f"the page is {array.shape[1]} x {array.shape[0]} pixels; the limit is {limit} a side")
    return np.ascontiguousarray(array)
