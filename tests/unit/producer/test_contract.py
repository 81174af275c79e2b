"""Names, page selections, webhook messages: the pure parts of the contract."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producer.contract import errors, names
from producer.contract.jobs import TERMINAL_EVENTS, Job, JobState, links_of, utc_from_ms
from producer.contract.pages import PageSelection
from producer.contract.webhooks import SCHEDULE_S, event_body, retry_delay_s


@pytest.mark.parametrize(
    ("text", "count", "expected"),
    [
        (None, 3, (1, 2, 3)),
        ("1-3,7", 10, (1, 2, 3, 7)),
        ("7, 1 - 3", 10, (1, 2, 3, 7)),
        ("2,2,1-2", 5, (1, 2)),
        ("4-9", 5, (4, 5)),
        ("9", 5, ()),
    ],
)
def test_a_page_selection_names_pages_once_in_order(text: str | None, count: int, expected: tuple[int, ...]) -> None:
    assert PageSelection.parse(text).of(count) == expected


@pytest.mark.parametrize("text", ["", "0", "3-1", "a", "1,,2", "1-2-3", "-1", "99999999"])
def test_a_page_selection_that_cannot_be_read_says_which_part(text: str) -> None:
    with pytest.raises(ValueError, match="page range"):
        PageSelection.parse(text)


@given(st.text(max_size=300))
def test_a_file_name_of_any_kind_becomes_one_safe_part_of_a_key(name: str) -> None:
    safe = names.safe_filename(name, suffix=".pdf")
    assert safe
    assert len(safe.encode()) <= 200
    assert "/" not in safe
    assert "\\" not in safe
    assert not safe.startswith(".")
    assert safe.isprintable()


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("scan.pdf", "scan.pdf"),
        ("../../etc/passwd", "passwd"),
        ("C:\\temp\\发票 3.png", "发票 3.png"),
        ("..", "document.pdf"),
        (None, "document.pdf"),
        ("a" * 300 + ".tiff", "a" * 195 + ".tiff"),
        ("发票" * 60 + ".png", "发票" * 32 + "发.png"),
    ],
)
def test_a_usual_file_name_stays_recognisable(name: str | None, safe: str) -> None:
    assert names.safe_filename(name, suffix=".pdf") == safe


@pytest.mark.parametrize(
    ("device", "queues"),
    [("cpu", ("ocr.cpu", "ocr.any")), ("gpu:0", ("ocr.gpu.0", "ocr.gpu", "ocr.any"))],
)
def test_a_pinned_worker_serves_its_device_its_kind_and_everybody(device: str, queues: tuple[str, ...]) -> None:
    assert names.queues_served_by(device) == queues


@pytest.mark.parametrize("name", ["manifest.json", "../x", "1.json", "00001_ocr_res_img.png", "input/scan.pdf", ""])
def test_only_result_files_have_an_address(name: str) -> None:
    assert names.file_key("0" * 32, name) is None


def test_a_webhook_body_is_the_job_and_the_same_each_time() -> None:
    job = Job(
        id="1", status=JobState.SUCCEEDED, created_at=utc_from_ms(1), finished_at=utc_from_ms(2), links=links_of("1")
    )
    body = event_body(job, "job.succeeded")
    assert body == event_body(job, "job.succeeded")
    message = json.loads(body)
    assert (message["type"], message["data"]["id"], message["timestamp"]) == (
        "job.succeeded",
        "1",
        message["data"]["finished_at"],
    )


def test_webhook_retries_spread_over_days_and_end() -> None:
    delays = [retry_delay_s(attempt, jitter=0.5) for attempt in range(1, len(SCHEDULE_S) + 1)]
    assert delays[-1] is None
    known = [delay for delay in delays if delay is not None]
    assert all(earlier < later for earlier, later in pairwise(known))
    assert 2 * 86_400 < sum(known) + SCHEDULE_S[0] < 4 * 86_400
    assert retry_delay_s(1, jitter=0) != retry_delay_s(1, jitter=1)


def test_every_terminal_state_has_its_event() -> None:
    assert {f"job.{state}" for state in JobState if state.is_terminal} == set(TERMINAL_EVENTS)


def test_every_error_has_a_code_a_status_a_message_and_a_place_in_the_drawn_tree() -> None:
    def tree(kind: type[errors.OcrFleetError]) -> list[type[errors.OcrFleetError]]:
        return [kind, *(deep for child in kind.__subclasses__() for deep in tree(child))]

    for kind in tree(errors.OcrFleetError):
        error = kind("a", "b") if kind is errors.JobFailed else kind()
        assert error.message
        assert error.code
        assert 400 <= error.http_status < 600
        assert kind.__name__ in (errors.__doc__ or "")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("result.json", "application/json"),
        ("00001.json", "application/json"),
        ("00001_ocr_res_img.jpg", "image/jpeg"),
        ("00001_serving_input_img.jpg", "image/jpeg"),
        ("document.txt", "text/plain; charset=utf-8"),
        ("document.hocr", "application/xhtml+xml"),
        ("document.alto.xml", "application/xml"),
        ("document.pdf", "application/pdf"),
    ],
)
def test_every_public_file_has_one_object_of_its_job_and_a_media_type(name: str, kind: str) -> None:
    key = names.file_key("0" * 32, name)
    assert key is not None
    assert key.startswith(names.job_prefix("0" * 32))
    assert key.endswith(f"/{name}")
    assert names.media_type_of(name) == kind
