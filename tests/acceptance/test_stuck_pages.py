"""A page that takes too long fails alone, and its worker is replaced."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

from producer.client import OcrFleetClient
from producer.contract.jobs import JobState
from producer.contract.results import DocumentResult
from tests.acceptance.conftest import running
from workers.demo.samples import draw


def slow_and_fast_page() -> bytes:
    """A TIFF of two pages: one of nine notices, which takes many seconds, and a blank one."""
    notice = np.asarray(Image.open(io.BytesIO(draw("notice.png").data)).convert("L"))
    pages = [Image.fromarray(np.tile(notice, (3, 3))), Image.new("L", (200, 100), 255)]
    buffer = io.BytesIO()
    pages[0].save(buffer, format="TIFF", compression="tiff_lzw", save_all=True, append_images=pages[1:])
    return buffer.getvalue()


def test_a_page_beyond_its_time_fails_and_the_others_are_delivered(tmp_path: Path) -> None:
    with running(tmp_path, OCRFLEET_PAGE_TIMEOUT_S="3") as system, OcrFleetClient(system.server) as client:
        job = client.wait(client.submit(slow_and_fast_page()).id, timeout_s=120)
        assert job.status is JobState.PARTIAL
        assert (job.progress.pages_done, job.progress.pages_failed) == (1, 1)
        slow, fast = DocumentResult.model_validate_json(client.result(job.id)).pages
        assert (slow.status, slow.error and slow.error.code) == ("failed", "page_timeout")
        assert fast.status == "succeeded"
