"""The pictures of docs/dashboard.md, of drawn samples only: `make screenshots`."""

from __future__ import annotations

import io
import tempfile
import time
from pathlib import Path

import PIL.Image
from playwright.sync_api import Browser, Page, expect

from producer.client import OcrFleetClient
from tests.dashboard.browser import Scheme, browser, visiting
from workers.demo.samples import draw
from workers.fleet.supervisor import System

FOLDER = Path(__file__).parents[2] / "docs" / "images"
SIZE = (1280, 800)
SCHEMES: tuple[Scheme, Scheme] = ("light", "dark")
# File names, the sample each is, its tag, its priority; in the order of submission.
DOCUMENTS = (
    ("receipt.jpg", "receipt.jpg", "expenses", "normal"),
    ("letter.jpg", "scan-rotated.jpg", "letters", "normal"),
    ("damaged.pdf", None, "reports", "normal"),
    ("climate-office.pdf", "report.pdf", "reports", "normal"),
    ("climate-office-2.pdf", "report.pdf", "reports", "normal"),
    ("lunch.jpg", "receipt.jpg", "expenses", "low"),
    ("climate-office-3.pdf", "report.pdf", "reports", "low"),
    ("offer.jpg", "scan-rotated.jpg", "letters", "low"),
)
IN_WORK = "climate-office.pdf"
STOPPED = "climate-office-3.pdf"


def main() -> None:
    with (
        tempfile.TemporaryDirectory(prefix="ocrfleet-screenshots-") as folder,
        System(data_dir=Path(folder), port=0, processes=1) as system,
        OcrFleetClient(system.server) as client,
        browser() as launched,
    ):
        jobs = _submit(client)
        client.wait(jobs["letter.jpg"], timeout_s=120)
        client.wait(jobs["damaged.pdf"], timeout_s=120)
        client.cancel(jobs[STOPPED])
        while not client.status(jobs[IN_WORK]).progress.pages_done:
            time.sleep(0.2)
        for scheme in SCHEMES:
            _take(launched, system.server, "jobs", "/", scheme)
        for name in ("lunch.jpg", "offer.jpg"):
            client.wait(jobs[name], timeout_s=300)
        for scheme in SCHEMES:
            _take(launched, system.server, "job", f"/jobs/{jobs['receipt.jpg']}", scheme)
            _take(launched, system.server, "fleet", "/fleet", scheme)


def _submit(client: OcrFleetClient) -> dict[str, str]:
    """File name to job."""
    damaged = b"%PDF-1.7\n" + bytes(64)
    samples = {sample: draw(sample).data for _, sample, _, _ in DOCUMENTS if sample}
    return {
        name: client.submit(samples[sample] if sample else damaged, filename=name, tag=tag, priority=priority).id
        for name, sample, tag, priority in DOCUMENTS
    }


def _take(launched: Browser, server: str, name: str, view: str, scheme: Scheme) -> None:
    with visiting(launched, server, scheme=scheme, size=SIZE) as visit:
        page = visit.open(view)
        _settle(page, name)
        picture = PIL.Image.open(io.BytesIO(page.screenshot()))
        picture.save(FOLDER / f"dashboard-{name}-{scheme}.webp", quality=82, method=6)


def _settle(page: Page, name: str) -> None:
    """Wait for what the picture is of."""
    expect(page.locator(".live")).to_have_text("Live")
    if name == "jobs":
        expect(page.locator(".rows .job-row")).to_have_count(len(DOCUMENTS))
    elif name == "job":
        expect(page.locator(".paper img")).to_be_visible()
        page.get_by_role("option").nth(20).click()
        expect(page.locator(".thumb canvas")).to_be_visible()
        page.wait_for_timeout(600)  # thumbnails are drawn when the browser has time
    else:
        expect(page.get_by_role("table", name="Workers")).to_contain_text("cpu")


if __name__ == "__main__":
    main()
