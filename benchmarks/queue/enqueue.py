"""How fast jobs are taken in: documents and manifests stored, records written, workers told."""

from __future__ import annotations

import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context

from producer.connect import connect
from producer.contract.jobs import JobRequest
from producer.settings import Settings

# As two API processes with their threads: their waits for the disk overlap.
PROCESSES, THREADS = 2, 4


@dataclass(frozen=True, kw_only=True, slots=True)
class Share:
    """What one process submitted, between two moments in seconds since the epoch."""

    start: float
    end: float
    ids: tuple[str, ...]


def submit_many(settings: Settings, page: bytes, jobs: int) -> tuple[list[str], float]:
    """The ids of `jobs` one-page jobs, and how many were accepted in a second."""
    one = partial(_share, settings, page)
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
        shares = list(pool.map(one, [jobs // PROCESSES] * PROCESSES))
    ids = [job_id for share in shares for job_id in share.ids]
    return ids, len(ids) / (max(share.end for share in shares) - min(share.start for share in shares))


def _share(settings: Settings, page: bytes, jobs: int) -> Share:
    producer, request = connect(settings), JobRequest(outputs=("json",))
    try:
        first = producer.submit(page, request).id  # connected, and every script known
        with ThreadPoolExecutor(THREADS) as pool:
            start = time.time()
            ids = list(pool.map(lambda _: producer.submit(page, request).id, range(jobs - 1)))
            return Share(start=start, end=time.time(), ids=(first, *ids))
    finally:
        producer.close()
