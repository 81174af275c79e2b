"""The HTTP API over a real socket, and the steps that a worker would take."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from producer.api.app import create_app
from producer.contract import names
from producer.contract.jobs import JobState
from producer.contract.leases import Lease, Plan
from producer.contract.ports import JobStore, ObjectStore
from producer.direct import Producer
from producer.settings import Settings
from tests.contract.job_stores import CPU

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


@contextmanager
def serving(producer: Producer, settings: Settings) -> Iterator[str]:
    server = uvicorn.Server(uvicorn.Config(create_app(producer, settings), port=0, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            thread.join(0.01)
            assert thread.is_alive()
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


def taken(store: JobStore, job_id: str) -> Lease:
    claim = store.leases.claim(CPU, lease_s=60)
    assert claim is not None
    assert claim.lease.job_id == job_id
    return claim.lease


def work(store: JobStore, objects: ObjectStore, job_id: str) -> None:
    """Do what a worker does with a one-page document."""
    read(store, objects, taken(store, job_id))


def read(store: JobStore, objects: ObjectStore, lease: Lease) -> None:
    """The same for one that was taken."""
    job_id = lease.job_id
    store.leases.plan(lease, Plan(page_count=1, pages_total=1, unit_pages=1))
    objects.put(names.page_key(job_id, 1), b'{"page":1}', media_type="application/json")
    objects.put(names.picture_key(job_id, names.image_name(1)), b"jpeg", media_type="image/jpeg")
    store.leases.page(lease, 1)
    objects.put(names.result_key(job_id), b'{"pages":[]}', media_type="application/json")
    outputs = {"json": names.file_href(job_id, "result.json")}
    store.leases.finish(lease, JobState.SUCCEEDED, error=None, outputs=outputs, is_dead=False)
