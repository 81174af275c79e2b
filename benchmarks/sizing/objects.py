"""How large the objects of real pages are: the drawn samples through a real worker with the real engine."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from producer.connect import connect
from producer.contract.jobs import JobRequest, JobState
from producer.settings import Settings
from tests.faults.nodes import Node
from workers.demo.samples import SAMPLE_NAMES, draw

_WAIT_S = 300


def measure_objects(redis_url: str, folder: Path) -> dict[str, int]:
    """Bytes a page by the kind of object, over all pages of the samples; `read`: how many those were."""
    store = folder / "objects"
    settings = Settings(redis_url=redis_url, store_url=store.as_uri())
    producer = connect(settings)
    environment = {"OCRFLEET_REDIS_URL": redis_url, "OCRFLEET_STORE_URL": store.as_uri()}
    with Node("device", folder, environment):
        ids = [producer.submit(draw(name).data, JobRequest(), filename=name).id for name in SAMPLE_NAMES]
        ended = [producer.wait(job_id, timeout_s=_WAIT_S) for job_id in ids]
    producer.close()
    if any(job.status is not JobState.SUCCEEDED for job in ended):
        raise RuntimeError("a sample was not read: its objects say nothing")
    pages = sum(job.progress.pages_done for job in ended)
    sizes: defaultdict[str, int] = defaultdict(int)
    for file in (store / "jobs").rglob("*"):
        if file.is_file():
            sizes[_kind(file.relative_to(store / "jobs"))] += file.stat().st_size
    return {"read": pages} | {kind: round(size / pages) for kind, size in sorted(sizes.items())}


def _kind(path: Path) -> str:
    """`jobs/{id}/pages/00001.json` is of `pages`; what lies beside the folders has its own name."""
    return path.parts[1]
