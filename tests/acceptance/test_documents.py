"""Real documents through the real system: producer, Redis, Celery worker, engine, store, API, webhook."""

from __future__ import annotations

import io
import json
import os
import signal
from pathlib import Path

import pymupdf
import redis
import uuid_utils
from PIL import Image

from producer.backends.celery_queue import KEY_PREFIX
from producer.backends.objects import open_object_store
from producer.backends.redis_store import PREFIX, RedisJobStore
from producer.client import OcrFleetClient
from producer.contract import names
from producer.contract.jobs import JobRequest, JobState
from producer.contract.leases import NewJob
from producer.contract.results import DocumentResult
from producer.source import inspect_source
from tests.acceptance.conftest import wait_until
from workers.demo.receiver import Receiver
from workers.demo.samples import draw
from workers.fleet.supervisor import System


def test_a_document_becomes_a_result_in_the_shape_of_the_interface(client: OcrFleetClient) -> None:
    sample = draw("notice.png")
    job = client.wait(client.submit(sample.data, filename=sample.name).id, timeout_s=60)
    assert (job.status, job.device, job.attempts) == (JobState.SUCCEEDED, "cpu", 1)
    result = DocumentResult.model_validate_json(client.result(job.id))
    assert (result.job_id, result.status, result.source.filename) == (job.id, JobState.SUCCEEDED, "notice.png")
    [page] = result.pages
    assert (page.page, page.status, page.width, page.height) == (
        1,
        "succeeded",
        sample.pages[0].width,
        sample.pages[0].height,
    )
    assert page.result
    assert page.result["input_path"] == "notice.png"
    texts = page.result["rec_texts"]
    assert isinstance(texts, list)
    assert len(page.original_polys) == len(texts) > 10
    assert json.loads(client.page(job.id, 1)) == page.model_dump(mode="json")
    assert set(result.engine.models) >= {"text_detection", "text_recognition"}
    assert all("@" in name for name in result.engine.models.values())


def test_the_drawn_image_of_a_page_can_be_downloaded(client: OcrFleetClient, tmp_path: Path) -> None:
    sample = draw("notice.png")
    job = client.wait(client.submit(sample.data).id, timeout_s=60)
    client.download(job.id, "00001_ocr_res_img.jpg", tmp_path / "image.jpg")
    with Image.open(tmp_path / "image.jpg") as image:
        assert (image.format, image.width) == ("JPEG", 2 * sample.pages[0].width)


def test_only_the_pages_asked_for_are_read_and_only_the_outputs_asked_for_are_made(client: OcrFleetClient) -> None:
    sample = draw("report.pdf")
    job = client.wait(client.submit(sample.data, pages="2", outputs=["json"]).id, timeout_s=60)
    result = DocumentResult.model_validate_json(client.result(job.id))
    assert [page.page for page in result.pages] == [2]
    assert set(result.pages[0].files) == {"json"}
    assert job.progress.pages_total == 1


def test_pages_that_do_not_exist_are_an_error_that_says_how_many_there_are(client: OcrFleetClient) -> None:
    job = client.wait(client.submit(draw("report.pdf").data, pages="9").id, timeout_s=60)
    assert job.status is JobState.FAILED
    assert job.error
    assert job.error.code == "invalid_request"
    assert "3 pages" in job.error.message


def test_options_reach_the_engine(client: OcrFleetClient) -> None:
    sample = draw("notice.png")
    options = {"text_rec_score_thresh": 1.0}
    job = client.wait(client.submit(sample.data, options=options).id, timeout_s=60)
    [page] = DocumentResult.model_validate_json(client.result(job.id)).pages
    assert page.result
    assert page.result["text_rec_score_thresh"] == 1.0
    assert page.result["rec_texts"] == []


def test_the_webhook_of_a_finished_job_arrives_signed_and_once(client: OcrFleetClient, receiver: Receiver) -> None:
    job = client.submit(draw("notice.png").data, webhook={"url": receiver.url}, metadata={"order": 7})
    told = receiver.wait_for({f"evt_{job.id}"}, timeout_s=60)
    message = told[f"evt_{job.id}"]
    assert message["type"] == "job.succeeded"
    assert message["data"] == client.status(job.id).model_dump(mode="json")


def holder_of(redis_url: str, job_id: str) -> int:
    """The process that reads the job's first unit."""
    with redis.Redis.from_url(redis_url, decode_responses=True) as state:
        unit = json.loads(str(state.hget(f"{PREFIX}job:{job_id}:units", "0")))
    return int(unit["holder"].rpartition("/")[2])


def test_a_worker_killed_in_the_middle_of_a_document_costs_nothing(
    system: System, client: OcrFleetClient, receiver: Receiver
) -> None:
    """kill -9 of the child: the job succeeds, once, and pages that were stored are not read again."""
    redis_url = system.environment["OCRFLEET_REDIS_URL"]
    job = client.submit(draw("report.pdf").data, webhook={"url": receiver.url})
    wait_until(lambda: client.status(job.id).progress.pages_done >= 1, timeout_s=60, what="the first page")
    os.kill(holder_of(redis_url, job.id), signal.SIGKILL)
    ended = client.wait(job.id, timeout_s=60)
    assert (ended.status, ended.attempts) == (JobState.SUCCEEDED, 2)
    assert ended.progress.pages_done == ended.progress.pages_total == 3
    store = RedisJobStore(redis_url)
    types = [event.type for event in store.jobs.events(job.id)]
    store.close()
    assert types.count("job.succeeded") == 1
    assert types.count("page.done") == 3
    assert f"evt_{job.id}" in receiver.wait_for({f"evt_{job.id}"}, timeout_s=30)


def test_a_job_whose_message_was_lost_is_found_and_run(system: System, client: OcrFleetClient) -> None:
    """The record is the truth. A job created without publishing is what a crash between the two leaves."""
    sample = draw("notice.png")
    store = RedisJobStore(system.environment["OCRFLEET_REDIS_URL"])
    objects = open_object_store(system.environment["OCRFLEET_STORE_URL"], s3_endpoint_url=None, s3_region=None)
    source = inspect_source(io.BytesIO(sample.data), filename=sample.name, max_bytes=10_000_000)
    job_id = uuid_utils.uuid7().hex
    objects.put(names.input_key(job_id, source.filename), sample.data, media_type=source.media_type)
    store.jobs.submit(NewJob(id=job_id, request=JobRequest(), source=source, ttl_s=600, retention_s=600))
    store.close()
    assert client.wait(job_id, timeout_s=60).status is JobState.SUCCEEDED


def test_the_message_of_a_running_job_is_kept_from_other_workers(system: System, client: OcrFleetClient) -> None:
    """The heartbeat restarts the visibility timeout in kombu's own index, so that long documents run once."""
    with redis.Redis.from_url(system.environment["OCRFLEET_REDIS_URL"], decode_responses=True) as broker:

        def scores() -> dict[str, float]:
            return {
                str(tag): float(score)
                for tag, score in broker.zrange(f"{KEY_PREFIX}unacked_index", 0, -1, withscores=True)
            }

        job = client.submit(draw("report.pdf").data)
        wait_until(lambda: client.status(job.id).status is JobState.RUNNING, timeout_s=30, what="the job to run")
        [(tag, taken_at)] = scores().items()
        wait_until(lambda: scores().get(tag, taken_at) > taken_at + 1, timeout_s=20, what="the message to be kept")
        assert client.wait(job.id, timeout_s=60).attempts == 1
        wait_until(lambda: scores() == {}, timeout_s=10, what="the message to be acknowledged")


def test_a_running_job_is_cancelled_within_a_page(client: OcrFleetClient) -> None:
    book = pymupdf.Document()
    report = pymupdf.Document(stream=draw("report.pdf").data)
    for _ in range(20):
        book.insert_pdf(report)
    job = client.submit(book.tobytes())
    wait_until(lambda: client.status(job.id).status is JobState.RUNNING, timeout_s=30, what="the job to run")
    client.cancel(job.id)
    assert client.wait(job.id, timeout_s=30).status is JobState.CANCELLED
