"""One engine used by many threads, and for many pages."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from benchmarks.drawn import sheet_of
from ocr_engine import OCREngine


def test_eight_threads_get_byte_for_byte_what_one_gets(engine: OCREngine) -> None:
    pages = [sheet_of(seed).pixels[: 100 + 10 * seed] for seed in range(8)]
    alone = [json.dumps(engine.predict_page(page).json) for page in pages]
    with ThreadPoolExecutor(8) as pool:
        together = [json.dumps(result.json) for result in pool.map(engine.predict_page, pages)]
    assert together == alone
    assert len(set(alone)) == len(pages)


def test_memory_rests_where_it_was_after_the_first_pages() -> None:
    """The short form of `make soak`; the long one is 500 pages of up to A4 at 300 dpi."""
    command = [sys.executable, "-m", "benchmarks.soak", "--pages", "64", "--mark", "32", "--largest", "0.2"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "after 32 pages" in done.stdout
