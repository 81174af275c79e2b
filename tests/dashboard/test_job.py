"""One job, as a person inspects it: pages, lines, timings, events, deliveries, files."""

from __future__ import annotations

import json
from pathlib import Path

from playwright.sync_api import expect

from producer.client import OcrFleetClient
from tests.dashboard.browser import Visit
from tests.dashboard.engine import PICTURE, SCRIPT
from tests.faults.commands import READ, Command, document, sleep
from workers.demo.receiver import Receiver

BROKEN = Command(action="fail", code="unreadable_document")


def test_pages_appear_as_they_finish(visit: Visit, client: OcrFleetClient) -> None:
    job = client.submit(document([sleep(0.6)] * 5, first_number=1000), filename="slow.tiff")
    page = visit.open(f"/jobs/{job.id}")
    expect(page.locator(".thumb[data-state=done]").first).to_be_visible()
    assert page.locator(".thumb[data-state=waiting]").count() >= 1
    expect(page.locator(".thumb[data-state=done]")).to_have_count(5)
    expect(page.locator(".job-head .state")).to_have_text("succeeded")
    page.get_by_role("tab", name="Events").click()
    expect(page.get_by_role("cell", name="page.done")).to_have_count(5)


def test_a_box_and_its_text_point_at_each_other(visit: Visit, client: OcrFleetClient) -> None:
    job = client.wait(client.submit(document([READ], first_number=1100)).id, timeout_s=30)
    page = visit.open(f"/jobs/{job.id}")
    boxes, lines = page.locator(".shapes polygon"), page.get_by_role("option")
    expect(boxes).to_have_count(3)
    expect(lines).to_have_count(3)
    boxes.nth(1).hover()
    expect(lines.nth(1)).to_have_attribute("aria-selected", "true")
    lines.nth(2).hover()
    expect(boxes.nth(2)).to_have_class("level-low active")
    page.get_by_role("listbox").press("ArrowUp")
    expect(boxes.nth(1)).to_have_class("level-middle active")


def test_a_page_is_seen_enlarged_and_its_text_copied(visit: Visit, client: OcrFleetClient) -> None:
    job = client.wait(client.submit(document([READ], first_number=1200)).id, timeout_s=30)
    page = visit.open(f"/jobs/{job.id}")
    picture = page.locator(".paper img")
    expect(picture).to_be_visible()
    expect(page.get_by_text("No picture was stored")).to_be_hidden()
    assert picture.evaluate("(image) => image.decode().then(() => image.naturalWidth)") == 96
    before = picture.evaluate("(image) => image.clientWidth")
    page.get_by_role("button", name="Zoom in").click()
    assert picture.evaluate("(image) => image.clientWidth") > before * 1.2
    page.get_by_role("button", name="Copy text").click()
    expect(page.locator(".toast")).to_contain_text("Copied")
    copied = page.evaluate("() => navigator.clipboard.readText()")
    assert copied.splitlines()[:2] == [SCRIPT, PICTURE]


def test_text_that_is_markup_is_shown_and_does_nothing(visit: Visit, client: OcrFleetClient) -> None:
    name = "<img src=x onerror=alert(1)>.tiff"
    job = client.submit(document([READ], first_number=1300), filename=name, tag="<b>bold</b>", outputs=["json"])
    client.wait(job.id, timeout_s=30)
    page = visit.open()
    expect(page.get_by_text("<b>bold</b>")).to_be_visible()
    page = visit.open(f"/jobs/{job.id}")
    expect(page.get_by_role("option").first).to_have_text(f"{SCRIPT}99")
    expect(page.locator(".shapes text").nth(1)).to_have_text(PICTURE)  # without a picture, the lines are set in place
    expect(page.get_by_text("No picture was stored")).to_be_visible()
    assert page.evaluate("() => window.harmed") is None
    assert page.locator("main script, main img[src=x], main b").count() == 0


def test_the_page_allows_no_script_but_its_own(visit: Visit) -> None:
    page = visit.open()
    answer = page.request.get(visit.server)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    blocked = page.evaluate("() => { try { document.body.innerHTML = '<p>'; } catch (error) { return error.name; } }")
    assert blocked == "TypeError"
    visit.complaints.clear()  # Chromium says what it has blocked


def test_a_failed_page_says_why_and_the_others_are_shown(visit: Visit, client: OcrFleetClient) -> None:
    job = client.wait(client.submit(document([READ, BROKEN], first_number=1400)).id, timeout_s=30)
    page = visit.open(f"/jobs/{job.id}/2")
    expect(page.locator(".stage")).to_contain_text("unreadable_document: ")
    page.get_by_role("button", name="Previous page").click()
    expect(page.get_by_role("option")).to_have_count(3)
    expect(page.locator(".job-head .state")).to_have_text("partial")


def test_timings_events_and_files_are_there(visit: Visit, client: OcrFleetClient, tmp_path: Path) -> None:
    job = client.wait(client.submit(document([READ], first_number=1500), filename="kept.tiff").id, timeout_s=30)
    page = visit.open(f"/jobs/{job.id}")
    expect(page.get_by_role("option")).to_have_count(3)
    page.get_by_role("tab", name="Timings").click()
    expect(page.get_by_role("row", name="recognition")).to_contain_text("50 ms")
    page.get_by_role("tab", name="Events").click()
    for event in ("job.queued", "job.started", "page.done", "job.succeeded"):
        expect(page.get_by_role("cell", name=event)).to_be_visible()
    page.get_by_role("tab", name="Files").click()
    with page.expect_download() as saved:
        page.get_by_role("button", name="Download json").first.click()
    saved.value.save_as(tmp_path / "saved.json")
    assert saved.value.suggested_filename == "kept_result.json"
    assert json.loads((tmp_path / "saved.json").read_bytes()) == json.loads(client.result(job.id))


def test_the_files_of_every_page_are_there(visit: Visit, client: OcrFleetClient, tmp_path: Path) -> None:
    pages = document([READ, BROKEN, READ], first_number=1700)
    job = client.wait(client.submit(pages, filename="three.tiff", outputs=["json", "text"]).id, timeout_s=30)
    page = visit.open(f"/jobs/{job.id}/1")
    expect(page.get_by_role("option")).to_have_count(3)
    page.get_by_role("tab", name="Files").click()
    expect(page.get_by_role("button", name="Download text", exact=True)).to_be_visible()
    expect(page.locator(".page-list summary")).to_have_text(["Page 1", "Page 2 failed", "Page 3"])
    expect(page.get_by_role("button", name="Download json of page 1")).to_be_visible()  # the one that was looked at
    page.get_by_text("Page 2 failed").click()
    expect(page.get_by_text("unreadable_document: ")).to_be_visible()
    page.get_by_text("Page 3").click()
    with page.expect_download() as saved:
        page.get_by_role("button", name="Download json of page 3").click()
    saved.value.save_as(tmp_path / "saved.json")
    assert saved.value.suggested_filename == "three_00003.json"
    assert json.loads((tmp_path / "saved.json").read_bytes())["page"] == 3


def test_files_of_pages_appear_as_they_finish_and_leave_what_is_open_as_it_is(
    visit: Visit, client: OcrFleetClient
) -> None:
    job = client.submit(document([READ, *[sleep(0.5)] * 4], first_number=1750), filename="coming.tiff")
    page = visit.open(f"/jobs/{job.id}")
    expect(page.get_by_role("option")).to_have_count(3)
    page.get_by_role("tab", name="Files").click()
    first = page.locator(".page-list summary").first
    first.focus()
    expect(page.locator(".page-list details")).to_have_count(5)
    expect(first).to_be_focused()
    expect(page.get_by_role("button", name="Download json of page 1")).to_be_visible()


def test_a_page_without_a_picture_is_its_number_and_what_became_of_it(visit: Visit, client: OcrFleetClient) -> None:
    pages = document([READ, BROKEN], first_number=1800)
    bare = client.wait(client.submit(pages, outputs=["json"]).id, timeout_s=30)
    page = visit.open(f"/jobs/{bare.id}")
    expect(page.locator(".thumb")).to_have_text(["1done", "2failed"])
    pictured = client.wait(client.submit(document([READ], first_number=1810)).id, timeout_s=30)
    page = visit.open(f"/jobs/{pictured.id}")
    expect(page.locator(".thumb")).to_have_text(["1"])


def test_a_webhook_is_delivered_again(visit: Visit, client: OcrFleetClient, receiver: Receiver) -> None:
    webhook = {"url": receiver.url}
    job = client.wait(client.submit(document([READ], first_number=1600), webhook=webhook).id, timeout_s=30)
    assert receiver.wait_for({f"evt_{job.id}"}, timeout_s=20)
    page = visit.open(f"/jobs/{job.id}")
    page.get_by_role("tab", name="Webhooks").click()
    expect(page.locator(".delivery .state")).to_have_text("delivered")
    expect(page.locator(".delivery tbody tr")).to_have_count(1)
    page.get_by_role("button", name="Deliver again").click()
    expect(page.locator(".delivery tbody tr")).to_have_count(2)
    expect(page.locator(".delivery")).to_contain_text("2 attempts")
    expect(page.locator(".delivery tbody tr td:first-child")).to_have_text(["1", "2"])


def test_a_job_that_is_not_there_is_told_so(visit: Visit) -> None:
    page = visit.open(f"/jobs/{'0' * 32}")
    expect(page.get_by_text("There is no such job")).to_be_visible()
    visit.complaints.clear()  # Chromium logs the answer of 404
