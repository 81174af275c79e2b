"""The document result out of the stored pages, without holding them all in memory."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from producer.contract import names
from producer.contract.ports import ObjectStore
from producer.contract.results import DocumentResult

_PARALLEL_READS = 8
_NO_PAGES = b'"pages":[]'


def put_result(
    objects: ObjectStore, document: DocumentResult, pages: Sequence[int], *, known: Mapping[int, bytes]
) -> None:
    """Write `result.json`: `document`, which has no pages, with the stored JSON of every page put in.

    known: pages whose JSON this process has just stored. Raises: NotFound: a page's object is gone; Unavailable.
    """
    before, _, after = document.model_dump_json().encode().partition(_NO_PAGES)
    with tempfile.TemporaryFile() as file:
        file.write(before + b'"pages":[')
        for place, body in enumerate(_bodies(objects, document.job_id, pages, known)):
            file.write(b"," + body if place else body)
        file.write(b"]" + after)
        file.seek(0)
        objects.put(names.result_key(document.job_id), file, media_type="application/json")


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
