"""Who can use the dashboard: people with assistive technology, and people with a key."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, expect

from producer.backends.celery_queue import CeleryQueue
from producer.backends.memory_objects import MemoryObjectStore
from producer.backends.redis_store import RedisJobStore
from producer.client import OcrFleetClient
from producer.direct import Producer
from producer.settings import Settings
from tests.dashboard.browser import WIDE, Scheme, Visit, visiting
from tests.faults.commands import READ, Command, document
from tests.integration.conftest import LIMITS
from tests.integration.serving import PNG, serving
from tests.servers.redis import RedisServer
from workers.fleet.supervisor import System

NARROW = (400, 800)
KEY = "a key of nineteen letters"
BROKEN = Command(action="fail", code="unreadable_document")


@pytest.fixture(scope="module")
def job_id(system: System) -> str:
    """A job with a page that was read, one that was not, and a webhook that nobody takes."""
    with OcrFleetClient(system.server) as client:
        pages = document([READ, BROKEN], first_number=2000)
        job = client.submit(pages, filename="seen.tiff", tag="axe", webhook={"url": "http://127.0.0.1:9/"})
        return client.wait(job.id, timeout_s=30).id


@pytest.mark.parametrize(("scheme", "size"), [("light", WIDE), ("dark", NARROW)])
def test_axe_finds_nothing_in_any_view(
    chromium: Browser, system: System, job_id: str, scheme: Scheme, size: tuple[int, int]
) -> None:
    with visiting(chromium, system.server, scheme=scheme, size=size) as visit:
        page = visit.open()
        page.get_by_role("button", name="Options").click()
        expect(page.get_by_role("link", name="seen.tiff")).to_be_visible()
        found = [_violations(visit)]
        page.get_by_role("button", name="API key").click()
        found.append(_violations(visit))
        page = visit.open(f"/jobs/{job_id}/1")
        page.reload()
        expect(page.get_by_role("option")).to_have_count(3)
        found.append(_violations(visit))
        for tab, sight in {
            "Timings": "detection",
            "Events": "job.started",
            "Webhooks": "127.0.0.1",
            "Files": "00001.json",
        }.items():
            page.get_by_role("tab", name=tab).click()
            expect(page.get_by_text(sight).first).to_be_visible()
            found.append(_violations(visit))
        page = visit.open("/fleet")
        expect(page.get_by_role("table", name="Workers")).to_contain_text("cpu")
        found.append(_violations(visit))
        assert found == [[]] * 8


def _violations(visit: Visit) -> list[str]:
    answer = Axe().run(visit.page).response
    return [f"{one['id']}: {node['html'][:150]}" for one in answer["violations"] for node in one["nodes"]]


@pytest.fixture
def locked(redis_server: RedisServer) -> Iterator[str]:
    """An API that asks for a key, with one job."""
    store = RedisJobStore(redis_server.database_url(13))
    producer = Producer(store, MemoryObjectStore(), CeleryQueue(redis_server.database_url(13)), LIMITS)
    with serving(producer, Settings(api_key=KEY)) as address:
        with OcrFleetClient(address, api_key=KEY) as client:
            client.submit(PNG, filename="locked.png")
        yield address
    producer.close()


def test_a_key_opens_the_dashboard_and_is_in_no_address(chromium: Browser, locked: str) -> None:
    with visiting(chromium, locked) as visit:
        page = visit.open()
        dialog = page.get_by_role("dialog", name="API key")
        dialog.get_by_label("Key").fill("wrong")
        dialog.get_by_role("button", name="Use this key").click()
        expect(dialog).to_contain_text("This key is not accepted.")
        dialog.get_by_role("button", name="Cancel").click()
        expect(dialog).to_be_hidden()
        page.get_by_role("button", name="API key").click()
        dialog.get_by_label("Key").fill(KEY)
        dialog.get_by_label("Key").press("Enter")
        expect(page.get_by_role("link", name="locked.png")).to_be_visible()
        expect(page.locator(".live")).to_have_text("Live")
        page.reload()
        expect(page.get_by_role("link", name="locked.png")).to_be_visible()
        assert page.evaluate("() => [Object.keys(sessionStorage), Object.keys(localStorage), document.cookie]") == [
            ["ocrfleet.key"],
            [],
            "",
        ]
        assert [url for url in visit.asked if "letters" in url or "wrong" in url] == []
        visit.complaints.clear()  # Chromium logs every answer of 401
