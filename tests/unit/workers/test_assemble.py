"""The exports of a document: each page is fetched once for all of them, and one that cannot be made stops no other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pytest

from producer.backends.memory_objects import MemoryObjectStore
from producer.backends.memory_store import MemoryJobStore
from producer.contract import names
from producer.contract.jobs import JobRecord, JobRequest
from producer.direct import Producer
from tests.integration.conftest import LIMITS
from tests.integration.doorbell import Bells
from tests.integration.reading import drawn_document, processor, work_off
from workers.assemble import put_exports

PAGES = 20


class CountingObjects(MemoryObjectStore):
    """Counts how often each object is read."""

    def __init__(self) -> None:
        super().__init__()
        self.reads: Counter[str] = Counter()

    def get(self, key: str) -> bytes:
        self.reads[key] += 1
        return super().get(key)


def read_job(objects: MemoryObjectStore, *outputs: str) -> JobRecord:
    """A document of `PAGES` pages that was read."""
    store, bells = MemoryJobStore(lambda: 1_800_000_000.0), Bells()
    request = JobRequest.model_validate({"outputs": outputs})
    job = Producer(store, objects, bells, LIMITS).submit(drawn_document(PAGES), request, filename="page.tiff")
    worker, _engine = processor(store, objects, bells)
    work_off(worker)
    return store.jobs.get(job.id)


def export_all(objects: MemoryObjectStore, record: JobRecord, pages: Sequence[int]) -> dict[str, str]:
    return put_exports(objects, record, pages, engine="a test", known={})


def test_every_page_is_fetched_once_for_all_exports() -> None:
    objects = CountingObjects()
    record = read_job(objects, "json", "text", "hocr", "alto", "pdf")
    objects.reads.clear()
    made = export_all(objects, record, range(1, PAGES + 1))
    assert set(made) == {"text", "hocr", "alto", "pdf"}
    pages = [objects.reads[names.page_key(record.job.id, page)] for page in range(1, PAGES + 1)]
    assert pages == [1] * PAGES


@pytest.mark.parametrize("output", ["text", "hocr", "alto"])
def test_an_export_is_the_same_beside_others_as_alone(output: str) -> None:
    objects = MemoryObjectStore()
    together = read_job(objects, "json", "text", "hocr", "alto", "pdf")
    export_all(objects, together, range(1, PAGES + 1))
    beside = objects.get(names.export_key(together.job.id, output))
    alone = together.model_copy(update={"request": together.request.model_copy(update={"outputs": (output,)})})
    assert set(export_all(objects, alone, range(1, PAGES + 1))) == {output}
    assert objects.get(names.export_key(together.job.id, output)) == beside
    assert beside


def test_an_export_that_cannot_be_made_of_the_document_is_left_out_alone() -> None:
    objects = MemoryObjectStore()
    record = read_job(objects, "json", "text", "pdf")
    before = objects.get(names.export_key(record.job.id, "text"))
    objects.put(names.input_key(record.job.id, "page.tiff"), b"no document any more", media_type="image/tiff")
    assert set(export_all(objects, record, range(1, PAGES + 1))) == {"text"}
    assert objects.get(names.export_key(record.job.id, "text")) == before
