"""The dashboard outlives the API that it came from."""

from __future__ import annotations

import os
import signal

import httpx
from playwright.sync_api import expect

from producer.client import OcrFleetClient
from tests.acceptance.conftest import processes, wait_until
from tests.dashboard.browser import Visit
from tests.faults.commands import READ, document
from workers.fleet.supervisor import System


def test_the_list_goes_on_when_the_api_was_killed_and_started_again(
    visit: Visit, client: OcrFleetClient, system: System
) -> None:
    page = visit.open()
    expect(page.locator(".live")).to_have_text("Live")
    (api,) = (pid for pid, command in processes(system.data_dir).items() if " workers api " in command)
    os.kill(api, signal.SIGKILL)
    expect(page.locator(".live")).not_to_have_text("Live")
    wait_until(lambda: _is_ready(system.server), timeout_s=60, what="the API")
    client.submit(document([READ], first_number=4000), filename="after.tiff")
    expect(page.locator(".live")).to_have_text("Live")
    expect(page.get_by_role("row").filter(has_text="after.tiff")).to_contain_text("succeeded")
    visit.complaints.clear()  # Chromium logs every connection that is refused


def _is_ready(server: str) -> bool:
    try:
        return httpx.get(f"{server}/health/ready", timeout=2, trust_env=False).is_success
    except httpx.TransportError:
        return False
