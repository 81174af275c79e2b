"""`/docs`: Swagger UI on the API's description, out of the API's own files."""

from __future__ import annotations

import httpx
from playwright.sync_api import expect

from tests.dashboard.browser import Visit


def test_the_page_shows_every_route_and_asks_nobody_else(visit: Visit) -> None:
    visit.page.goto(f"{visit.server}/docs")
    expect(visit.page.get_by_role("heading", name="OCRFleet")).to_be_visible()
    paths = httpx.get(f"{visit.server}/openapi.json").json()["paths"]
    assert len(paths) > 20
    for path in paths:
        expect(visit.page.locator(f'[data-path="{path}"]').first).to_be_visible()
