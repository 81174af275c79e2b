"""The dashboard with 100,000 jobs in the store, 50 events a second, and a document of 500 pages."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, CDPSession, expect
from redis import Redis

from producer.backends.celery_queue import CeleryQueue
from producer.backends.memory_objects import MemoryObjectStore
from producer.backends.redis_store import PREFIX, RedisJobStore
from producer.contract.leases import Plan
from producer.direct import Producer
from producer.settings import Settings
from tests.contract.job_stores import CPU, new_job
from tests.dashboard.browser import Visit, visiting
from tests.integration.conftest import LIMITS
from tests.integration.serving import serving
from tests.servers.redis import RedisServer
from tests.servers.redis import redis_server as start_redis

JOBS = 100_000
BATCH = 10_000
EVENTS_PER_S = 50
EVENTS = 200
FIRST_PAINT_MS = 1_000
VISITS = 4
# Runs before the page: when the first row of the list was drawn, in milliseconds since the page was asked for.
WATCH_FIRST_ROW = """
  const look = () => {
    if (document.querySelector(".rows .job-row")) window.firstRowMs = performance.now();
    else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
"""
# The list grows a frame after its number does: who scrolls goes on scrolling.
SCROLLED_TO_MORE = """
  (known) => {
    const rows = document.querySelector(".rows");
    rows.scrollTo(0, rows.scrollHeight);
    return document.querySelector(".total").textContent !== known;
  }
"""
FIRST_PAINT = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime"


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with start_redis() as server:
        yield server


@pytest.fixture(scope="module")
def store(redis: RedisServer) -> Iterator[RedisJobStore]:
    """A store with many jobs: one that was really submitted, and its likes."""
    store = RedisJobStore(redis.url)
    first = store.jobs.submit(new_job()).job_id
    with Redis.from_url(redis.url) as client:
        record = client.dump(f"{PREFIX}job:{first}")
        assert record
        for start in range(1, JOBS, BATCH):
            ids = [f"{int(first, 16) + number:032x}" for number in range(start, min(start + BATCH, JOBS))]
            with client.pipeline(transaction=False) as pipeline:
                for job_id in ids:
                    pipeline.restore(f"{PREFIX}job:{job_id}", 0, record)
                pipeline.zadd(f"{PREFIX}list::queued", dict.fromkeys(ids, 0))
                pipeline.execute()
    yield store
    store.close()


@pytest.fixture(scope="module")
def server(store: RedisJobStore, redis: RedisServer) -> Iterator[str]:
    producer = Producer(store, MemoryObjectStore(), CeleryQueue(redis.database_url(1)), LIMITS)
    with serving(producer, Settings()) as address:
        yield address


@pytest.fixture
def visit(chromium: Browser, server: str) -> Iterator[Visit]:
    with visiting(chromium, server) as visit:
        yield visit


def test_a_list_of_100_000_jobs_is_painted_within_a_second(visit: Visit) -> None:
    visit.page.add_init_script(WATCH_FIRST_ROW)
    waits = []
    for _ in range(VISITS):  # the best of several: other work on the machine is not the page's
        page = visit.open()
        expect(page.locator(".rows .job-row").first).to_be_visible()
        waits.append((page.evaluate(FIRST_PAINT), page.evaluate("() => window.firstRowMs")))
        visit.page.goto("about:blank")
    assert min(paint for paint, _ in waits) < FIRST_PAINT_MS
    assert min(row for _, row in waits) < FIRST_PAINT_MS


def test_the_list_is_scrolled_through_with_few_elements(visit: Visit) -> None:
    page = visit.open()
    expect(page.locator(".rows .job-row").first).to_be_visible()
    for _ in range(5):
        page.wait_for_function(SCROLLED_TO_MORE, arg=page.locator(".total").text_content())
    assert page.locator(".rows .job-row").count() < 60
    assert page.get_by_role("table").get_attribute("aria-rowcount") == "-1"


def test_the_list_keeps_up_with_50_events_a_second(visit: Visit, store: RedisJobStore) -> None:
    page = visit.open()
    expect(page.locator(".live")).to_have_text("Live")
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")
    busy_before, began = _busy_s(session), time.monotonic()
    for number in range(EVENTS // 2):
        job_id = store.jobs.submit(new_job()).job_id
        store.jobs.cancel(job_id)
        time.sleep(max(0.0, began + 2 * (number + 1) / EVENTS_PER_S - time.monotonic()))
    last = page.locator(f".job-row:has(a[href='#/jobs/{job_id}'])")
    expect(last).to_contain_text("cancelled", timeout=1000)
    took_s = time.monotonic() - began
    assert page.locator(".job-row .state[data-state=cancelled]").count() >= 10
    # Processor time of the page itself: it must have time left to be scrolled in.
    assert _busy_s(session) - busy_before < took_s / 2


def test_a_document_of_500_pages_is_walked_through(visit: Visit, store: RedisJobStore) -> None:
    page = visit.open(f"/jobs/{_long_document(store)}/499")
    expect(page.get_by_role("button", name="Page 499, waiting")).to_be_visible()
    expect(page.get_by_role("button", name="Page 498, done")).to_be_visible()
    expect(page.locator(".stage")).to_contain_text("not read yet")
    assert page.locator(".thumb").count() < 40


def test_the_files_of_500_pages_are_listed_a_hundred_at_a_time(visit: Visit, store: RedisJobStore) -> None:
    page = visit.open(f"/jobs/{_long_document(store)}/499")
    page.get_by_role("tab", name="Files").click()
    expect(page.locator(".page-list details")).to_have_count(100)
    page.get_by_role("button", name="Show more pages").click()
    expect(page.locator(".page-list details")).to_have_count(200)
    expect(page.locator(".page-list summary").last).to_have_text("Page 200")


def _long_document(store: RedisJobStore) -> str:
    """A job of 500 pages, 498 of which are read."""
    job_id = store.jobs.submit(new_job({"device": "cpu", "priority": "high"})).job_id
    claim = store.leases.claim(CPU, lease_s=60)
    assert claim and claim.lease.job_id == job_id
    store.leases.plan(claim.lease, Plan(page_count=500, pages_total=500, unit_pages=500))
    for number in range(1, 499):
        store.leases.page(claim.lease, number)
    return job_id


def _busy_s(session: CDPSession) -> float:
    """Processor time of the page's main thread so far."""
    metrics = {one["name"]: one["value"] for one in session.send("Performance.getMetrics")["metrics"]}
    return float(metrics["TaskDuration"])
