"""The fleet, as an operator sees it: workers, load, throughput, dead letters."""

from __future__ import annotations

from playwright.sync_api import expect

from producer.client import OcrFleetClient
from producer.contract.jobs import JobState
from tests.dashboard.browser import Visit
from tests.faults.commands import READ, Command, document

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


def test_a_dead_letter_is_retried(visit: Visit, client: OcrFleetClient) -> None:
    page = visit.open("/fleet")
    job = client.submit(document([DIES_OF_MEMORY], first_number=3100), filename="dead.tiff")
    row = page.get_by_role("table", name="Dead letters").get_by_role("row").filter(has_text="dead.tiff")
    expect(row).to_contain_text("out_of_memory")
    row.get_by_role("button", name="Retry dead.tiff").click()
    expect(row).to_have_count(0)
    assert client.wait(job.id, timeout_s=30).status is JobState.SUCCEEDED
