"""One page: read by the engine, stored as JSON and drawing."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

import structlog

from ocr_engine import Document, EngineError, OCRResult
from ocr_engine.serving_images import serving_images
from producer.contract import names
from producer.contract.jobs import JobRecord
from producer.contract.ports import ObjectStore
from producer.contract.results import PageResult
from workers import translate
from workers.engine import Engine
from workers.storing import Storing

if TYPE_CHECKING:
    import PIL.Image

_DRAWING_QUALITY = 85
# Views are looked at in the dashboard and never read again: A4 from a PDF, 144 to the inch, as it is; photos shrunk.
_VIEW_SIDE_PX = 1700
_VIEW_QUALITY = 72
_log = structlog.get_logger(__name__)


class PageReader:
    """Reads and stores single pages. One at a time."""

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects
        self._pictures = Storing(objects)

    def read(self, engine: Engine, record: JobRecord, document: Document, page: int) -> PageResult:
        """Read a page, counted from 1, and begin to store its pictures. A page that cannot be read is a failed page.

        Raises: OutOfMemory: another try may do.
        """
        try:
            return self._read(engine, record, document, page)
        except BaseException:
            with suppress(Exception):  # of the two this one is told, and no picture is stored after it
                self._pictures.finish()
            raise

    def store(self, job_id: str, result: PageResult) -> bytes:
        """Store a page's JSON under its fixed key once its pictures are stored: who sees it sees them. The JSON.

        Raises: Unavailable: the store does not answer.
        """
        body = result.model_dump_json().encode()
        self._pictures.finish()
        self._objects.put(names.page_key(job_id, result.page), body, media_type="application/json")
        return body

    def _read(self, engine: Engine, record: JobRecord, document: Document, page: int) -> PageResult:
        index, job_id = page - 1, record.job.id
        try:
            image = document.page_image(index)
            found = engine.predict_page(
                image,
                input_path=record.source.filename,
                page_index=document.page_index(index),
                options=translate.predict_options(record.request),
            )
        except EngineError as error:
            if error.retryable:
                raise
            _log.warning("page_failed", job_id=job_id, page=page, code=error.code, reason=error.message)
            return translate.failed_page(page, translate.job_error(error))
        views = {}
        if "image" in record.request.outputs:
            self._put(job_id, names.image_name(page), found.draw_lines(), _DRAWING_QUALITY)
            views = dict(self._views(job_id, page, found))
        if "paddlex" in record.request.outputs:
            views |= self._serving(job_id, page, serving_images(image, found))
        return translate.page_result(record.request, job_id, page, found, views)

    def _views(self, job_id: str, page: int, found: OCRResult) -> Iterator[tuple[str, str]]:
        """Store the views of a page; each with its file name."""
        for view, picture in found.views(max_side=_VIEW_SIDE_PX):
            name = names.view_name(page, view)
            self._put(job_id, name, picture, _VIEW_QUALITY)
            yield view, name

    def _serving(self, job_id: str, page: int, pictures: Iterator[tuple[str, bytes]]) -> Iterator[tuple[str, str]]:
        """Store the pictures of PaddleX's serving; each with its file name."""
        for picture, jpeg in pictures:
            name = names.serving_image_name(page, picture)
            self._pictures.put(names.picture_key(job_id, name), jpeg, media_type="image/jpeg")
            yield picture, name

    def _put(self, job_id: str, name: str, picture: PIL.Image.Image, quality: int) -> None:
        buffer = io.BytesIO()
        picture.save(buffer, format="JPEG", quality=quality)
        self._pictures.put(names.picture_key(job_id, name), buffer.getvalue(), media_type="image/jpeg")
