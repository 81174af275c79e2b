"""The HTTP API over a real socket, with the worker's part played by the job store."""

from __future__ import annotations

import base64
import io
import json
import threading

import httpx
import pytest

from producer.backends.celery_queue import CeleryQueue
from producer.backends.memory_objects import MemoryObjectStore
from producer.backends.redis_store import RedisJobStore
from producer.client import OcrFleetClient
from producer.contract.errors import InvalidRequest, JobFailed, NotFinished, NotFound, WaitTimeout
from producer.contract.jobs import JobError, JobState
from producer.direct import Producer
from producer.intake import ProducerLimits
from producer.settings import Settings
from tests.integration.serving import PNG, serving, taken, work

JOB_FIELDS = {
    "id",
    "status",
    "filename",
    "owner",
    "priority",
    "created_at",
    "started_at",
    "finished_at",
    "progress",
    "device",
    "attempts",
    "error",
    "outputs",
    "links",
    "metadata",
    "tag",
    "idempotency_key",
}


def test_a_multipart_submission_is_accepted_with_the_jobs_address(http: httpx.Client) -> None:
    request = json.dumps({"tag": "x", "metadata": {"order": 7}, "priority": "high"})
    answer = http.post("/v1/jobs", files={"file": ("page.png", PNG), "request": (None, request, "application/json")})
    job = answer.json()
    assert answer.status_code == 202
    assert answer.headers["Location"] == f"/v1/jobs/{job['id']}"
    assert set(job) == JOB_FIELDS
    assert (job["status"], job["tag"], job["metadata"]) == ("queued", "x", {"order": 7})
    assert set(job["links"]) == {"self", "events", "result", "cancel"}
    assert set(job["progress"]) == {"pages_total", "pages_done", "pages_failed"}


def test_a_json_submission_carries_the_document_in_base64(http: httpx.Client) -> None:
    source = {"type": "base64", "data": base64.b64encode(PNG).decode(), "filename": "../../etc/page.png"}
    answer = http.post("/v1/jobs", json={"source": source})
    assert answer.status_code == 202, answer.text


def test_the_same_key_gives_the_same_job_and_another_request_409(http: httpx.Client) -> None:
    def send(tag: str) -> httpx.Response:
        request = (None, json.dumps({"tag": tag}), "application/json")
        return http.post(
            "/v1/jobs",
            files={"file": ("page.png", PNG), "request": request},
            headers={"Idempotency-Key": "key-1"},
        )

    first, again, other = send("a"), send("a"), send("b")
    assert (first.status_code, again.status_code, other.status_code) == (202, 200, 409)
    assert first.json()["id"] == again.json()["id"]
    assert other.json()["error"]["code"] == "idempotency_mismatch"


def test_a_repeated_submission_leaves_one_set_of_objects(http: httpx.Client, objects: MemoryObjectStore) -> None:
    for _ in range(3):
        http.post("/v1/jobs", files={"file": ("page.png", PNG)}, headers={"Idempotency-Key": "key-1"})
    assert len({key.split("/")[1] for key in objects.keys("jobs/")}) == 1


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (b"", 422, "invalid_request"),
        (b"just words", 415, "unsupported_media"),
        (b"GIF89a" + bytes(100), 415, "unsupported_media"),
        (PNG + bytes(1_000_000), 413, "too_large"),
    ],
)
def test_a_document_that_cannot_be_read_is_refused_with_its_code(
    http: httpx.Client, data: bytes, status: int, code: str
) -> None:
    answer = http.post("/v1/jobs", files={"file": ("page.png", data)})
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert set(answer.json()) == {"error", "request_id"}
    assert set(answer.json()["error"]) == {"code", "message", "details"}
    assert answer.json()["request_id"] == answer.headers["X-Request-ID"]


@pytest.mark.parametrize(
    "request_part",
    [
        "not json",
        '{"unknown": 1}',
        '{"options": {"text_det_thresh": 2}}',
        '{"options": {"use_doc_unwarping": "maybe"}}',
        '{"device": "toaster"}',
        '{"pages": "3-1"}',
        '{"outputs": ["docx"]}',
        '{"webhook": {"url": "ftp://example.org"}}',
        json.dumps({"metadata": {"x": "y" * 5000}}),
    ],
)
def test_a_wrong_request_is_named_in_the_error(http: httpx.Client, request_part: str) -> None:
    answer = http.post(
        "/v1/jobs", files={"file": ("page.png", PNG), "request": (None, request_part, "application/json")}
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid_request")
    assert answer.json()["error"]["details"]


@pytest.mark.parametrize("body", [b"{", b'{"source": {"type": "base64", "data": "?"}}', b"[]"])
def test_wrong_json_is_an_error_not_a_crash(http: httpx.Client, body: bytes) -> None:
    answer = http.post("/v1/jobs", content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid_request")


def test_broken_multipart_is_an_error_not_a_crash(http: httpx.Client) -> None:
    for kind in ("multipart/form-data", "multipart/form-data; boundary=x", "text/plain"):
        answer = http.post("/v1/jobs", content=b"--y\r\njunk", headers={"Content-Type": kind})
        assert answer.status_code in (400, 422), answer.text
        assert answer.json()["error"]["code"] == "invalid_request"


def test_what_is_asked_may_come_as_a_part_of_its_own_and_misspelt_fields_are_refused(http: httpx.Client) -> None:
    asked = ("r.json", b'{"tag": "t"}', "application/json")
    answer = http.post("/v1/jobs", files={"file": ("page.png", PNG), "request": asked})
    assert (answer.status_code, answer.json()["tag"]) == (202, "t")
    answer = http.post("/v1/jobs", files={"file": ("page.png", PNG)}, data={"outputs": "text"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid_request")
    assert "outputs" in answer.json()["error"]["message"]
    two = [("file", ("one.png", PNG)), ("file", ("two.png", PNG))]
    answer = http.post("/v1/jobs", files=two)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid_request")


@pytest.mark.parametrize(
    "options",
    [
        {"text_rec_score_thresh": True},
        {"use_textline_orientation": "yes"},
        {"use_doc_unwarping": 1},
        {"text_det_limit_side_len": "960"},
        {"text_det_limit_side_len": 960.5},
        {"text_det_unclip_ratio": 0.001},
    ],
)
def test_options_are_as_strict_about_types_as_the_engine(
    http: httpx.Client, producer: Producer, options: dict[str, object]
) -> None:
    body = {"source": {"type": "base64", "data": base64.b64encode(PNG).decode()}, "options": options}
    answer = http.post("/v1/jobs", json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid_request")
    with pytest.raises(InvalidRequest):
        producer.submit(PNG, options=options)


def test_whole_numbers_are_numbers(http: httpx.Client) -> None:
    options = {"text_rec_score_thresh": 1, "text_det_limit_side_len": 960, "use_doc_unwarping": False}
    body = {"source": {"type": "base64", "data": base64.b64encode(PNG).decode()}, "options": options}
    assert http.post("/v1/jobs", json=body).status_code == 202


def test_a_request_that_comes_as_a_file_has_a_bound(producer: Producer) -> None:
    long = ("r.json", b'{"tag": "' + b"t" * 1_100_000 + b'"}', "application/json")
    with serving(producer, Settings()) as address:
        answer = httpx.post(f"{address}/v1/jobs", files={"file": ("page.png", PNG), "request": long})
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")


def test_a_body_beyond_the_limit_is_cut_off(http: httpx.Client) -> None:
    answer = http.post("/v1/jobs", files={"file": ("page.png", PNG + bytes(4_000_000))})
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")


def test_what_a_body_is_called_does_not_widen_its_bound(producer: Producer) -> None:
    settings = Settings(max_file_bytes=4_000_000, max_json_bytes=2_000)
    body = b'{"file": "' + b"A" * 100_000 + b'", "fileType": 1}'
    with serving(producer, settings) as address, httpx.Client(base_url=address) as http:
        for path in ("/ocr", "/v1/batches", "/v1/jobs"):
            for kind in ("image/png", "application/octet-stream", "application/json"):
                assert http.post(path, content=body, headers={"Content-Type": kind}).status_code == 413, (path, kind)


def test_unknown_jobs_and_paths_are_not_found(http: httpx.Client) -> None:
    for path in ("/v1/jobs/" + "0" * 32, "/v1/jobs/nonsense", "/v1/jobs/nonsense/events", "/nothing"):
        answer = http.get(path)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found"), path


def test_results_come_when_the_job_is_done_and_not_before(
    client: OcrFleetClient, store: RedisJobStore, objects: MemoryObjectStore
) -> None:
    job = client.submit(PNG, filename="page.png")
    with pytest.raises(NotFinished):
        client.result(job.id)
    with pytest.raises(NotFinished):
        client.page(job.id, 1)
    work(store, objects, job.id)
    assert client.wait(job.id).status is JobState.SUCCEEDED
    assert client.result(job.id) == b'{"pages":[]}'
    assert client.page(job.id, 1) == b'{"page":1}'
    with pytest.raises(NotFound):
        client.page(job.id, 2)


class CountedReads(io.BytesIO):
    """A stream that remembers how much was asked of it at once."""

    asked: list[int]

    def read(self, size: int | None = -1, /) -> bytes:
        self.asked.append(-1 if size is None else size)
        return super().read(size)


def test_a_large_result_is_sent_in_pieces_and_is_never_whole_in_memory(
    http: httpx.Client,
    client: OcrFleetClient,
    store: RedisJobStore,
    objects: MemoryObjectStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    job = client.submit(PNG, filename="page.png")
    work(store, objects, job.id)
    large = b'{"pages":[' + b'"0123456789",' * 100_000 + b'""]}'
    stream = CountedReads(large)
    stream.asked = []
    monkeypatch.setattr(objects, "open", lambda key: stream)
    answer = http.get(f"/v1/jobs/{job.id}/result")
    assert (answer.content, answer.headers["Content-Type"]) == (large, "application/json")
    assert 0 < min(stream.asked) <= max(stream.asked) < len(large) / 4
    assert stream.closed


def test_files_are_streamed_and_no_other_object_can_be_named(
    http: httpx.Client, client: OcrFleetClient, store: RedisJobStore, objects: MemoryObjectStore
) -> None:
    job = client.submit(PNG, filename="page.png")
    work(store, objects, job.id)
    image = http.get(f"/v1/jobs/{job.id}/files/00001_ocr_res_img.jpg")
    assert (image.content, image.headers["Content-Type"]) == (b"jpeg", "image/jpeg")
    direct = http.get(f"/v1/jobs/{job.id}/files/00001_ocr_res_img.jpg", params={"redirect": False})
    assert direct.content == b"jpeg"
    for name in ("manifest.json", "input", "page.png", "..%2fmanifest.json", "99999.json"):
        assert http.get(f"/v1/jobs/{job.id}/files/{name}").status_code == 404, name


def test_a_long_poll_answers_when_the_job_ends(
    http: httpx.Client, client: OcrFleetClient, store: RedisJobStore, objects: MemoryObjectStore
) -> None:
    job = client.submit(PNG)
    threading.Timer(0.3, work, args=(store, objects, job.id)).start()
    answer = http.get(f"/v1/jobs/{job.id}", params={"wait": 9})
    assert answer.json()["status"] == "succeeded"
    assert 0.2 < answer.elapsed.total_seconds() < 5


def test_a_long_poll_ends_in_time_when_the_job_does_not(client: OcrFleetClient) -> None:
    with pytest.raises(WaitTimeout):
        client.wait(client.submit(PNG).id, timeout_s=0.2)


def test_a_failed_job_answers_for_its_result_with_its_own_code(client: OcrFleetClient, store: RedisJobStore) -> None:
    job = client.submit(PNG)
    error = JobError(code="unreadable_document", message="broken")
    store.leases.finish(taken(store, job.id), JobState.FAILED, error=error, outputs={}, is_dead=False)
    with pytest.raises(JobFailed) as caught:
        client.result(job.id)
    assert caught.value.code == "unreadable_document"


def test_events_stream_until_the_end_and_resume(
    http: httpx.Client, client: OcrFleetClient, store: RedisJobStore, objects: MemoryObjectStore
) -> None:
    job = client.submit(PNG)
    work(store, objects, job.id)
    text = http.get(f"/v1/jobs/{job.id}/events").text
    kinds = [line.removeprefix("event: ") for line in text.splitlines() if line.startswith("event: ")]
    assert kinds == ["job.queued", "job.started", "page.done", "job.succeeded"]
    ids = [line.removeprefix("id: ") for line in text.splitlines() if line.startswith("id: ")]
    resumed = http.get(f"/v1/jobs/{job.id}/events", headers={"Last-Event-ID": ids[1]}).text
    assert [line for line in resumed.splitlines() if line.startswith("id: ")] == [f"id: {x}" for x in ids[2:]]


def test_a_waiting_job_is_cancelled_and_keeps_no_result(client: OcrFleetClient) -> None:
    job = client.cancel(client.submit(PNG).id)
    assert job.status is JobState.CANCELLED
    with pytest.raises(JobFailed):
        client.result(job.id)


def test_a_webhook_needs_a_secret_to_sign_with(store: RedisJobStore, redis_url: str) -> None:
    limits = ProducerLimits(max_file_bytes=1000, max_open_jobs=10, job_ttl_s=60, result_ttl_s=60, webhooks_signed=False)
    unsigned = Producer(store, MemoryObjectStore(), CeleryQueue(redis_url), limits)
    with pytest.raises(InvalidRequest, match="OCRFLEET_WEBHOOK_SECRET"):
        unsigned.submit(PNG, webhook={"url": "https://example.org"})


def test_a_key_that_cannot_be_is_told_in_words(http: httpx.Client) -> None:
    refused = http.post("/v1/jobs", files={"file": ("page.png", PNG)}, headers={"Idempotency-Key": "my key"})
    assert refused.status_code == 422
    assert refused.json()["error"]["message"].endswith("an idempotency key has 1 to 128 letters, digits, or . : - _")


@pytest.mark.parametrize(("path", "allowed"), [("/v1/jobs", "GET, POST"), ("/v1/jobs/0", "DELETE, GET")])
def test_a_method_that_a_path_has_not_is_told_which_ones_it_has(http: httpx.Client, path: str, allowed: str) -> None:
    answer = http.put(path)
    assert (answer.status_code, answer.headers["Allow"]) == (405, allowed)
    error = answer.json()["error"]
    assert (error["code"], error["message"]) == ("invalid_request", f"PUT is not answered at {path}; use {allowed}")


def test_health_tells_live_from_ready(http: httpx.Client) -> None:
    assert http.get("/health/live").json() == {"status": "live"}
    assert http.get("/health/ready").json() == {"status": "ready"}


def test_with_a_key_set_every_route_but_health_asks_for_it(producer: Producer) -> None:
    settings = Settings.model_validate({"api_key": "sesame"})
    with serving(producer, settings) as address:
        assert httpx.get(f"{address}/health/live").status_code == 200
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic sesame"}):
            answer = httpx.get(f"{address}/v1/jobs/x", headers=headers)
            assert (answer.status_code, answer.json()["error"]["code"]) == (401, "unauthorized")
        with OcrFleetClient(address, api_key="sesame") as client, pytest.raises(NotFound):
            client.status("0" * 32)


def test_openapi_describes_every_route(http: httpx.Client) -> None:
    paths = http.get("/openapi.json").json()["paths"]
    assert {"/v1/jobs", "/v1/jobs/{job_id}", "/v1/jobs/{job_id}/result", "/v1/jobs/{job_id}/files/{name}"} <= set(paths)
