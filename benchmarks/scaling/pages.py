"""The pages that are read: ordinary ones, drawn, as files of one page and as one of many."""

from __future__ import annotations

import io
from collections.abc import Sequence
from itertools import count, cycle, islice

import PIL.Image

from benchmarks.drawn import sheet_of

_DRAWN = 10
# Receipts and forms of `sheet_of`, none of them turned.
_KINDS, _TURNED = (0, 1), 3
_DPI = 144  # that of the renderer: a page has as many pixels as its drawing


def files_of_one_page(number: int) -> list[bytes]:
    """So many PDFs; the same ten pages over and over."""
    return list(islice(cycle([_encoded([page]) for page in _drawn()]), number))


def file_of_pages(number: int) -> bytes:
    """One PDF of so many pages, the same ten."""
    return _encoded(list(islice(cycle(_drawn()), number)))


def _drawn() -> list[PIL.Image.Image]:
    seeds = (seed for seed in count() if seed % 5 in _KINDS and seed % 4 != _TURNED)
    return [PIL.Image.fromarray(sheet_of(seed).pixels[:, :, ::-1]) for seed in islice(seeds, _DRAWN)]


def _encoded(pages: Sequence[PIL.Image.Image]) -> bytes:
    buffer = io.BytesIO()
    # Pillow leaves the others on a picture that it has saved with them: the next file of it alone would hold them all.
    first, *others = (page.copy() for page in pages)
    first.save(buffer, format="PDF", save_all=True, append_images=others, resolution=_DPI)
    return buffer.getvalue()
