"""Every chosen page of what `predict` accepts, decoded one at a time and told where it came from."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from ocr_engine.document import Document, open_document
from ocr_engine.page_choice import PageChoice
from ocr_engine.results import PageOrigin
from ocr_engine.saving import stem_of
from ocr_engine.sources import Source, expand
from ocr_engine.stems import Stems
from ocr_engine.text_layer import TextLayer, lines_of
from ocr_engine.types import Image, Line
from ocr_engine.web import fetch_document, is_address, shown_address


def read_pages(
    source: Source | Sequence[Source],
    *,
    choice: PageChoice,
    stems: Stems,
    text_layer: TextLayer = TextLayer.IGNORE,
) -> Iterator[tuple[Image, PageOrigin]]:
    """The pages (H, W, 3) BGR in order. One document is open, and one page in memory, at a time.

    choice: of the pages of each document; an array is one page, and is read. stems: the names that are taken.
    text_layer: where the document's own text comes along.
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
                own = _own_lines(document, index, image, text_layer)
                took_ms = (time.perf_counter() - start) * 1000.0
                page_index = document.page_index(index)
                # What has no path gets a random name when it is saved.
                stem = stems.claim(stem_of(input_path, page_index)) if input_path is not None else None
                yield (
                    image,
                    PageOrigin(
                        input_path=input_path,
                        page_index=page_index,
                        stem=stem,
                        timings_ms={"decode": took_ms},
                        own_lines=own,
                    ),
                )


def _opened(item: str | bytes) -> tuple[bytes | Path, str | None]:
    """What `open_document` takes, and how results call it."""
    if isinstance(item, bytes):
        return item, None
    if is_address(item):
        return fetch_document(item), shown_address(item)
    return Path(item), item


def _own_lines(document: Document, index: int, image: Image, text_layer: TextLayer) -> tuple[Line, ...] | None:
    """The page's own lines; None: it is to be read."""
    own = document.own_text(index) if text_layer is not TextLayer.IGNORE else None
    if own is None or (text_layer is TextLayer.AUTO and not own.is_sound):
        return None
    return lines_of(own, width=image.shape[1], height=image.shape[0])
