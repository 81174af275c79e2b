"""The list of jobs, as a person uses it: submit, watch, find, cancel, retry, delete."""

from __future__ import annotations

import base64
import json
import re

from playwright.sync_api import FilePayload, Locator, Page, expect

from producer.client import OcrFleetClient
from producer.contract.jobs import JobState
from tests.acceptance.conftest import wait_until
from tests.dashboard.browser import Visit
from tests.faults.commands import READ, Command, document, sleep
from tests.integration.web_site import web_site

FAILS_ONCE = Command(action="fail", code="unreadable_document", times=1)
DROP = """([name, data]) => {
  const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
  const dataTransfer = new DataTransfer();
  dataTransfer.items.add(new File([bytes], name, { type: "image/tiff" }));
  for (const type of ["dragenter", "dragover", "drop"]) {
    document.body.dispatchEvent(new DragEvent(type, { dataTransfer, bubbles: true, cancelable: true }));
  }
}"""


def row_of(page: Page, name: str) -> Locator:
    return page.get_by_role("row").filter(has=page.get_by_role("link", name=name, exact=True))


def choose(page: Page, name: str, body: bytes) -> None:
    page.locator("#files").set_input_files(FilePayload(name=name, mimeType="image/tiff", buffer=body))


def test_a_chosen_document_is_watched_from_queued_to_succeeded(visit: Visit) -> None:
    page = visit.open()
    choose(page, "watched.tiff", document([sleep(0.5)] * 4, first_number=100))
    row = row_of(page, "watched.tiff")
    expect(row).to_contain_text("running")
    expect(row).to_contain_text(re.compile("[123]/4"))
    expect(row).to_contain_text("succeeded")
    expect(row).to_contain_text("4/4")
    expect(row).to_contain_text("cpu")


def test_a_dropped_document_is_submitted_with_the_options_that_were_chosen(
    visit: Visit, client: OcrFleetClient
) -> None:
    page = visit.open()
    page.get_by_role("button", name="Options").click()
    page.get_by_label("Priority").select_option("high")
    page.get_by_role("textbox", name="Pages").fill("2")
    page.get_by_role("textbox", name="Tag").fill("dropped")
    page.get_by_label("Images").uncheck()
    page.get_by_label("Turn pages upright").select_option("off")
    page.get_by_label("Language").fill("en")
    page.evaluate(DROP, ["dropped.tiff", base64.b64encode(document([READ] * 3, first_number=200)).decode()])
    row = row_of(page, "dropped.tiff")
    expect(row).to_contain_text("1/1")
    (job,) = client.jobs(tag="dropped").jobs
    assert (job.priority, job.progress.pages_total) == ("high", 1)
    read = json.loads(client.page(job.id, 2))
    assert read["views"] == {}
    assert "doc_preprocessor_res" not in read["result"]  # by default pages are turned upright


def test_a_document_is_submitted_by_its_address(visit: Visit) -> None:
    page = visit.open()
    with web_site() as site:
        page.get_by_label("Address of a document").fill(f"{site}/page.png")
        page.get_by_role("button", name="Submit").click()
        expect(row_of(page, "page.png")).to_contain_text("succeeded")


def test_a_language_that_there_is_not_is_told_of_with_those_that_there_are(visit: Visit) -> None:
    page = visit.open()
    page.get_by_role("button", name="Options").click()
    page.get_by_label("Profile").select_option("default")
    page.get_by_label("Language").fill("english")
    choose(page, "page.tiff", document([READ]))
    expect(page.locator(".toast.error")).to_contain_text("'english' is no language code")
    visit.complaints.clear()  # Chromium logs every answer of 422


def test_a_refused_document_is_told_of_with_the_reason(visit: Visit) -> None:
    page = visit.open()
    choose(page, "notes.txt", b"neither a PDF nor an image")
    expect(page.locator(".toast.error")).to_contain_text("notes.txt: ")
    visit.complaints.clear()  # Chromium logs every answer of 415


def test_jobs_are_found_by_state_and_by_tag(visit: Visit, client: OcrFleetClient) -> None:
    mine = client.submit(document([READ], first_number=300), filename="found.tiff", tag="needle")
    other = client.submit(document([READ], first_number=301), filename="other.tiff", tag="hay")
    for job in (mine, other):
        client.wait(job.id, timeout_s=30)
    page = visit.open()
    expect(row_of(page, "other.tiff")).to_be_visible()
    page.get_by_role("searchbox", name="Search by tag").fill("needle")
    page.get_by_role("searchbox", name="Search by tag").press("Enter")
    expect(row_of(page, "found.tiff")).to_be_visible()
    expect(row_of(page, "other.tiff")).to_have_count(0)
    page.get_by_role("radio", name="Failed").check(force=True)
    expect(page.get_by_text("No job is like this.")).to_be_visible()
    page.get_by_role("radio", name="Succeeded").check(force=True)
    expect(row_of(page, "found.tiff")).to_be_visible()
    assert page.url.endswith("#/?status=succeeded&tag=needle")


def test_a_running_job_is_cancelled(visit: Visit, client: OcrFleetClient) -> None:
    job = client.submit(document([sleep(0.3)] * 40, first_number=400), filename="long.tiff")
    page = visit.open()
    expect(row_of(page, "long.tiff")).to_contain_text("running")
    page.get_by_role("button", name="Cancel long.tiff").click()
    expect(row_of(page, "long.tiff")).to_contain_text("cancelled")
    assert client.status(job.id).status is JobState.CANCELLED


def test_a_failed_job_is_run_again(visit: Visit, client: OcrFleetClient) -> None:
    job = client.submit(document([FAILS_ONCE], first_number=500), filename="weak.tiff")
    page = visit.open()
    expect(row_of(page, "weak.tiff")).to_contain_text("failed")
    page.get_by_role("button", name="Retry weak.tiff").click()
    expect(row_of(page, "weak.tiff")).to_contain_text("succeeded")
    # Of its pages some may be of the try before: nobody knows how fast it was.
    expect(row_of(page, "weak.tiff").locator(".cell-speed")).to_have_text("–")
    assert client.status(job.id).status is JobState.SUCCEEDED


def test_a_job_is_deleted_only_once_that_is_confirmed(visit: Visit, client: OcrFleetClient) -> None:
    job = client.submit(document([READ], first_number=600), filename="gone.tiff")
    page = visit.open()
    page.get_by_role("button", name="Delete gone.tiff").click()
    page.get_by_role("button", name="Keep it").click()
    expect(row_of(page, "gone.tiff")).to_be_visible()
    page.get_by_role("button", name="Delete gone.tiff").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(row_of(page, "gone.tiff")).to_have_count(0)
    wait_until(lambda: job.id not in {one.id for one in client.jobs().jobs}, timeout_s=5, what="the deletion")


def test_who_goes_elsewhere_has_confirmed_nothing(visit: Visit, client: OcrFleetClient) -> None:
    client.submit(document([READ], first_number=650), filename="asked.tiff")
    page = visit.open("/fleet")
    page.get_by_role("link", name="Jobs", exact=True).click()
    page.get_by_role("button", name="Delete asked.tiff").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("dialog")).to_be_hidden()
    page.go_forward()
    expect(row_of(page, "asked.tiff")).to_be_visible()


def test_all_documents_that_were_sent_are_counted(visit: Visit) -> None:
    page = visit.open()
    files = [
        FilePayload(
            name=f"one-{number}.tiff", mimeType="image/tiff", buffer=document([READ], first_number=660 + number)
        )
        for number in range(3)
    ]
    page.locator("#files").set_input_files(files)
    expect(page.locator("#toasts")).to_contain_text("Submitted 3 of 3 documents")


def test_the_list_is_walked_with_the_arrows(visit: Visit, client: OcrFleetClient) -> None:
    for number in range(2):
        client.submit(document([READ], first_number=700 + number), filename=f"walk-{number}.tiff")
    page = visit.open()
    page.get_by_role("link", name="walk-1.tiff").focus()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("link", name="walk-0.tiff")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="walk-0.tiff")).to_be_visible()
