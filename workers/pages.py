"""One page: read by the engine, stored as JSON and drawing."""

from __future__ import annotations

import io

import structlog

from ocr_engine import Document, EngineError, OCRResult
from producer.contract import names
from producer.contract.jobs import JobRecord
from producer.contract.ports import ObjectStore
from producer.contract.results import PageResult
from workers import translate
from workers.engine import Engine

_JPEG_QUALITY = 85
_log = structlog.get_logger(__name__)


class PageReader:
    """Reads and stores single pages. One at a time."""

    def __init__(self, engine: Engine, objects: ObjectStore) -> None:
        self._engine = engine
        self._objects = objects

    def read(self, record: JobRecord, document: Document, page: int) -> PageResult:
        """Read a page, counted from 1, and store its drawing. A page that cannot be read is a failed page.

        Raises: OutOfMemory: another try may do; Unavailable: the store does not answer.
        """
        index, job_id = page - 1, record.job.id
        try:
            found = self._engine.predict_page(
                document.page_image(index),
                input_path=record.source.filename,
                page_index=document.page_index(index),
                options=translate.predict_options(record.request),
            )
        except EngineError as error:
            if error.retryable:
                raise
            _log.warning("page_failed", job_id=job_id, page=page, code=error.code)
            return translate.failed_page(page, translate.job_error(error))
        if "image" in record.request.outputs:
            self._objects.put(names.image_key(job_id, page), _jpeg(found), media_type="image/jpeg")
        return translate.page_result(record.request, job_id, page, found)

    def store(self, job_id: str, result: PageResult) -> bytes:
        """Store a page's JSON under its fixed key; the JSON."""
        body = result.model_dump_json().encode()
        self._objects.put(names.page_key(job_id, result.page), body, media_type="application/json")
        return body


def _jpeg(found: OCRResult) -> bytes:
    buffer = io.BytesIO()
    found.draw_lines().save(buffer, format="JPEG", quality=_JPEG_QUALITY)
    return buffer.getvalue()
