"""Every chosen page of what `predict` accepts, decoded one at a time and told where it came from."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from ocr_engine.document import open_document
from ocr_engine.page_choice import PageChoice
from ocr_engine.results import PageOrigin
from ocr_engine.saving import stem_of
from ocr_engine.sources import Source, expand
from ocr_engine.stems import Stems
from ocr_engine.types import Image
from ocr_engine.web import fetch_document, is_address, shown_address


def read_pages(
    source: Source | Sequence[Source], *, choice: PageChoice, stems: Stems
) -> Iterator[tuple[Image, PageOrigin]]:
    """The pages (H, W, 3) BGR in order. One document is open, and one page in memory, at a time.

    choice: of the pages of each document; an array is one page, and is read. stems: the names that are taken.
    Raises: InvalidRequest, DocumentError, SourceUnreachable, OutOfMemory.
    """
    for item in expand(source):
        if isinstance(item, np.ndarray):
            yield item, PageOrigin()
            continue
        content, input_path = _opened(item)
        with open_document(content) as document:
            for index in choice.of(document.page_count):
                start = time.perf_counter()
                image = document.page_image(index)
                took_ms = (time.perf_counter() - start) * 1000.0
                page_index = document.page_index(index)
                # What has no path gets a random name when it is saved.
                stem = stems.claim(stem_of(input_path, page_index)) if input_path is not None else None
                yield (
                    image,
                    PageOrigin(input_path=input_path, page_index=page_index, stem=stem, timings_ms={"decode": took_ms}),
                )


def _opened(item: str | bytes) -> tuple[bytes | Path, str | None]:
    """What `open_document` takes, and how results call it."""
    if isinstance(item, bytes):
        return item, None
    if is_address(item):
        return fetch_document(item), shown_address(item)
    return Path(item), item
