"""The fleet, as an operator sees it: workers, load, throughput, dead letters."""

from __future__ import annotations

import io
import re

import numpy as np
import PIL.Image
import pytest
from playwright.sync_api import Browser, Locator, expect

from producer.client import OcrFleetClient
from producer.contract.jobs import JobState
from tests.dashboard.browser import Scheme, Visit, visiting
from tests.faults.commands import READ, Command, document
from workers.fleet.supervisor import System

DIES_OF_MEMORY = Command(action="fail", code="out_of_memory", times=1)


def test_workers_and_what_they_got_done_are_shown_as_it_happens(visit: Visit, client: OcrFleetClient) -> None:
    page = visit.open("/fleet")
    worker = page.get_by_role("table", name="Workers").get_by_role("row").nth(1)
    expect(worker).to_contain_text("cpu")
    expect(page.get_by_role("table", name="Queues and autoscale")).to_contain_text("cpu")
    chart = page.get_by_role("img")
    before = chart.get_attribute("aria-label")
    client.wait(client.submit(document([READ] * 3, first_number=3000)).id, timeout_s=30)
    expect(chart).not_to_have_attribute("aria-label", before or "")
    assert not [url for url in visit.asked if url.endswith("/v1/fleet")][2:]  # told, not asked again and again


def test_rates_say_what_they_are_of_and_memory_is_in_one_unit(visit: Visit) -> None:
    page = visit.open("/fleet")
    workers = page.get_by_role("table", name="Workers")
    expect(workers).to_contain_text(re.compile(r"\d [MG]iB"))
    expect(workers.get_by_role("columnheader", name="Pages/s while reading")).to_be_visible()
    kinds = page.get_by_role("table", name="Queues and autoscale")
    expect(kinds.get_by_role("columnheader", name="Pages/s, last minute")).to_be_visible()
    expect(page.locator(".tiles")).to_contain_text("Pages/s, last minute")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_table_wider_than_the_page_is_shaded_where_there_is_more_of_it(
    chromium: Browser, system: System, scheme: Scheme
) -> None:
    with visiting(chromium, system.server, scheme=scheme, size=(390, 800)) as visit:
        page = visit.open("/fleet")
        expect(page.get_by_role("table", name="Workers")).to_contain_text("cpu")
        table = page.get_by_role("group", name="Workers")
        assert _shaded(table) == (False, True)
        table.evaluate("(element) => element.scrollTo(element.scrollWidth / 4, 0)")
        assert _shaded(table) == (True, True)
        table.evaluate("(element) => element.scrollTo(element.scrollWidth, 0)")
        assert _shaded(table) == (True, False)
        nothing = page.get_by_role("group", name="Queues and autoscale")
        nothing.evaluate("(element) => element.replaceChildren('as wide as it is')")
        assert _shaded(nothing) == (False, False)


def _shaded(table: Locator) -> tuple[bool, bool]:
    """Whether the left and the right edge look otherwise than the ground. Text covers less than half of any column."""
    picture = np.asarray(PIL.Image.open(io.BytesIO(table.screenshot())).convert("L")).astype(int)
    ground = np.median(picture)
    left, right = (bool(abs(np.median(picture[:, x]) - ground) > 20) for x in (2, -3))
    return left, right


def test_a_dead_letter_is_retried(visit: Visit, client: OcrFleetClient) -> None:
    page = visit.open("/fleet")
    job = client.submit(document([DIES_OF_MEMORY], first_number=3100), filename="dead.tiff")
    row = page.get_by_role("table", name="Dead letters").get_by_role("row").filter(has_text="dead.tiff")
    expect(row).to_contain_text("out_of_memory")
    row.get_by_role("button", name="Retry dead.tiff").click()
    expect(row).to_have_count(0)
    assert client.wait(job.id, timeout_s=30).status is JobState.SUCCEEDED
