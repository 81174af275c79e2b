"""Batches and uploads over HTTP."""

from __future__ import annotations

import base64

import httpx
import pytest

from producer.backends.memory_objects import MemoryObjectStore
from producer.backends.redis_store import RedisJobStore
from tests.integration.serving import PNG, work

PAGE = {"type": "base64", "data": base64.b64encode(PNG).decode(), "filename": "a.png"}
ELSEWHERE = {"type": "url", "url": "https://documents.example/a.png"}


def test_a_batch_makes_a_job_of_each_source_and_counts_them_by_state(
    http: httpx.Client, store: RedisJobStore, objects: MemoryObjectStore
) -> None:
    answer = http.post("/v1/batches", json={"sources": [PAGE, ELSEWHERE, PAGE], "tag": "may", "metadata": {"a": 1}})
    batch = answer.json()
    assert (answer.status_code, answer.headers["Location"]) == (202, batch["links"]["self"])
    assert (batch["jobs_total"], batch["is_finished"], batch["counts"]["queued"]) == (3, False, 3)
    jobs = http.get(batch["links"]["jobs"]).json()["jobs"]
    assert [job["tag"] for job in jobs] == ["may"] * 3
    http.post(f"/v1/jobs/{jobs[0]['id']}/cancel")
    counts = http.get(batch["links"]["self"]).json()["counts"]
    assert (counts["queued"], counts["cancelled"]) == (2, 1)
    for job in jobs[1:]:
        http.post(f"/v1/jobs/{job['id']}/cancel")
    assert http.get(batch["links"]["self"]).json()["is_finished"]


def test_a_finished_job_of_a_batch_is_counted_as_such(
    http: httpx.Client, store: RedisJobStore, objects: MemoryObjectStore
) -> None:
    batch = http.post("/v1/batches", json={"sources": [PAGE]}).json()
    (job,) = http.get(batch["links"]["jobs"]).json()["jobs"]
    work(store, objects, job["id"])
    assert http.get(batch["links"]["self"]).json()["counts"]["succeeded"] == 1


def test_more_than_ten_thousand_sources_or_none_are_refused(http: httpx.Client) -> None:
    refused = http.post("/v1/batches", json={"sources": [ELSEWHERE] * 10_001})
    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "invalid_request")
    assert http.post("/v1/batches", json={"sources": []}).status_code == 422


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"type": "url", "url": "http://127.0.0.1/a"}, "source_forbidden"),
        ({"type": "s3", "uri": "s3://secrets/a"}, "source_forbidden"),
        ({"type": "upload", "upload_id": "0" * 32}, "invalid_request"),
        ({"type": "base64", "data": base64.b64encode(b"words").decode()}, "unsupported_media"),
    ],
)
def test_a_batch_with_a_wrong_source_makes_no_job_and_says_which_it_is(
    http: httpx.Client, objects: MemoryObjectStore, wrong: dict[str, str], code: str
) -> None:
    answer = http.post("/v1/batches", json={"sources": [PAGE, PAGE, wrong]})
    error = answer.json()["error"]
    assert (error["code"], error["details"]["source"]) == (code, 2)
    assert http.get("/v1/jobs").json()["jobs"] == []
    assert list(objects.keys("jobs/")) == []


def test_a_batch_sent_again_with_its_key_is_the_same_batch(http: httpx.Client) -> None:
    def send(*sources: dict[str, str]) -> httpx.Response:
        return http.post("/v1/batches", json={"sources": sources}, headers={"Idempotency-Key": "k"})

    first, again, other = send(PAGE, ELSEWHERE), send(PAGE, ELSEWHERE), send(PAGE, PAGE)
    assert (first.status_code, again.status_code, other.status_code) == (202, 200, 409)
    assert first.json()["id"] == again.json()["id"]
    assert again.json()["jobs_total"] == 2


def inline(data: bytes) -> dict[str, str]:
    return {"type": "base64", "data": base64.b64encode(data).decode()}


def test_a_key_that_stands_for_other_documents_is_a_mismatch_and_makes_nothing(http: httpx.Client) -> None:
    sources = [inline(PNG + bytes([place])) for place in range(3)]
    headers = {"Idempotency-Key": "k"}
    first = http.post("/v1/batches", json={"sources": sources[:2]}, headers=headers)
    assert first.status_code == 202
    for other in (sources[:1], sources, [sources[0], sources[2]], sources[1::-1]):
        answer = http.post("/v1/batches", json={"sources": other}, headers=headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "idempotency_mismatch")
    assert len(http.get("/v1/jobs").json()["jobs"]) == 2
    assert http.post("/v1/batches", json={"sources": sources[:2]}, headers=headers).status_code == 200


def test_an_upload_is_sent_and_submitted(http: httpx.Client, objects: MemoryObjectStore) -> None:
    upload = http.post("/v1/uploads").json()
    assert (upload["method"], upload["headers"]) == ("PUT", {})
    sent = http.put(upload["url"], content=PNG, headers={"Content-Type": "application/octet-stream"})
    assert sent.status_code == 204, sent.text
    source = {"type": "upload", "upload_id": upload["upload_id"], "filename": "scan.png"}
    job = http.post("/v1/jobs", json={"source": source})
    assert job.status_code == 202, job.text


def test_a_json_body_beyond_its_bound_is_refused_by_what_it_announces_and_by_what_it_sends(http: httpx.Client) -> None:
    big = b'{"source": "' + b"x" * 3_000_000 + b'"}'
    headers = {"Content-Type": "application/json"}
    for content in (big, iter([big[:100], big[100:]])):
        answer = http.post("/v1/jobs", content=content, headers=headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")
