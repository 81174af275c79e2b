"""The document result and its exports out of the stored pages, without holding them all in memory."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import structlog

from ocr_engine import EngineError
from producer.contract import names
from producer.contract.jobs import JobRecord
from producer.contract.ports import ObjectStore
from producer.contract.results import DocumentResult
from workers.disk import on_disk

if TYPE_CHECKING:
    from ocr_engine.exports import Export

_PARALLEL_READS = 8
_log = structlog.get_logger(__name__)
_NO_PAGES = b'"pages":[]'


def put_result(
    objects: ObjectStore, document: DocumentResult, pages: Sequence[int], *, known: Mapping[int, bytes]
) -> None:
    """Write `result.json`: `document`, which has no pages, with the stored JSON of every page put in.

    known: pages whose JSON this process has just stored.
    Raises: NotFound: a page's object is gone; Unavailable: the store does not answer, or this machine's disk is full.
    """
    before, _, after = document.model_dump_json().encode().partition(_NO_PAGES)
    with on_disk(), tempfile.TemporaryFile() as file:
        file.write(before + b'"pages":[')
        for place, body in enumerate(_bodies(objects, document.job_id, pages, known)):
            file.write(b"," + body if place else body)
        file.write(b"]" + after)
        file.seek(0)
        objects.put(names.result_key(document.job_id), file, media_type="application/json")


def put_exports(
    objects: ObjectStore, record: JobRecord, pages: Sequence[int], *, engine: str, known: Mapping[int, bytes]
) -> dict[str, str]:
    """Write the exports that the job asks for, all at once and page by page; the addresses of those made, by output.

    engine: what is said to have read the pages; known: as for `put_result`. One that cannot be made of this document is
    left out: the job has a result without it. Raises: NotFound, Unavailable.
    """
    wanted: list[str] = [output for output in names.EXPORTS if output in record.request.outputs]
    if not wanted:
        return {}
    # Imported where a device child needs it: io nodes end jobs too, and load no imaging library.
    from ocr_engine.exports import DocumentInfo, PageText, open_export

    job_id = record.job.id
    info = DocumentInfo(filename=record.source.filename, page_count=len(pages), engine=engine)
    input_key = names.input_key(job_id, record.source.filename)
    made: dict[str, str] = {}
    with on_disk(), ExitStack() as stack:
        files = {output: stack.enter_context(tempfile.TemporaryFile()) for output in wanted}
        exports: dict[str, Export] = {}
        for output, file in files.items():
            with _or_left_out(job_id, output, exports):
                exports[output] = open_export(output, file, info, document=lambda: objects.get(input_key))
        for body in _bodies(objects, job_id, pages, known):
            page = PageText.parse(json.loads(body))
            for output, export in list(exports.items()):
                with _or_left_out(job_id, output, exports):
                    export.add(page)
        for output, export in list(exports.items()):
            with _or_left_out(job_id, output, exports):
                export.finish()
        for output in exports:
            name = names.export_name(output)
            files[output].seek(0)
            objects.put(names.export_key(job_id, output), files[output], media_type=names.media_type_of(name))
            made[output] = names.file_href(job_id, name)
    return made


@contextmanager
def _or_left_out(job_id: str, output: str, exports: dict[str, Export]) -> Iterator[None]:
    """One step of an export, which is none any more if the step cannot be done."""
    try:
        yield
    except EngineError as error:
        exports.pop(output, None)
        _log.warning("export_left_out", job_id=job_id, output=output, code=error.code, reason=error.message)


def _bodies(objects: ObjectStore, job_id: str, pages: Sequence[int], known: Mapping[int, bytes]) -> Iterator[bytes]:
    """The JSON of every page, in order; a few are read ahead."""

    def read(page: int) -> bytes:
        return known[page] if page in known else objects.get(names.page_key(job_id, page))

    if all(page in known for page in pages):
        yield from map(read, pages)
        return
    with ThreadPoolExecutor(_PARALLEL_READS, thread_name_prefix="assemble") as pool:
        for at in range(0, len(pages), _PARALLEL_READS):
            yield from pool.map(read, pages[at : at + _PARALLEL_READS])
