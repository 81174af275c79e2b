"""The metrics over HTTP: their values, and that the dashboard asks for none that there is not."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from producer.backends.redis_store import RedisJobStore
from producer.contract.fleet import ScaleDecision
from producer.contract.jobs import JobError, JobState
from producer.contract.leases import Plan
from producer.contract.measures import PAGE_SECONDS, UNIT_PAGES
from producer.contract.webhooks import DeliveryState, Outcome
from tests.contract.job_stores import CPU, WEBHOOK, new_job
from tests.contract.test_fleet import report

DASHBOARD = Path(__file__).parents[2] / "docs" / "grafana" / "ocrfleet.json"
STUCK = JobError(code="page_timeout", message="too slow", retryable=True)


@pytest.fixture
def metrics(http: httpx.Client, store: RedisJobStore) -> dict[str, Metric]:
    """After a little of everything."""
    counted = {"stage_ms|gpu|detection": 1500, "engine_starts|gpu": 1, "engine_start_ms|gpu": 4000}
    for took_s in (0.2, 0.3, 200.0):
        counted |= {
            name: counted.get(name, 0) + by
            for name, by in PAGE_SECONDS.counted("gpu", took_s, units=int(took_s * 1000)).items()
        }
    store.fleet.beat(report(), ttl_s=60, counted=counted | UNIT_PAGES.counted("gpu", 3, units=3))
    store.fleet.decide(
        ScaleDecision(kind="gpu", waiting_pages=1, running_pages=0, seconds_of_work=7.5, desired_workers=2), ttl_s=60
    )
    job = store.jobs.submit(new_job({"webhook": WEBHOOK})).job_id
    claim = store.leases.claim(CPU, lease_s=60)
    assert claim
    store.leases.plan(claim.lease, Plan(page_count=2, pages_total=2, unit_pages=2))
    store.leases.page(claim.lease, 1)
    store.leases.page(claim.lease, 2, error=STUCK)
    store.leases.finish(claim.lease, JobState.PARTIAL, error=STUCK, outputs={}, is_dead=True)
    delivery = store.outbox.claim(f"evt_{job}", lease_s=60)
    assert delivery
    store.outbox.settle(delivery, Outcome(state=DeliveryState.DELIVERED, body="", status=200))
    store.jobs.submit(new_job({"device": "gpu", "priority": "high"}))
    store.jobs.submit(new_job({"webhook": WEBHOOK}))
    second = store.leases.claim(CPU, lease_s=60)
    assert second
    store.leases.crash(second.lease, 1, STUCK)
    answer = http.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    return {metric.name: metric for metric in text_string_to_metric_families(answer.text)}


def samples(metric: Metric) -> dict[tuple[str, ...], float]:
    return {(one.name, *one.labels.values()): one.value for one in metric.samples}


@pytest.mark.parametrize(
    ("name", "labels", "value"),
    [
        ("waiting_pages", ("gpu", "high"), 2),  # a document that nobody opened; the one that was had 2 pages
        ("running_pages", ("gpu", "high"), 0),
        ("workers", ("gpu", "ready"), 1),
        ("resident_bytes", ("gpu:0", "here"), 1 << 20),
        ("desired_workers", ("gpu",), 2),
        ("seconds_of_work", ("gpu",), 7.5),
        ("webhooks_pending", (), 0),
        ("webhook_overdue_seconds", (), 0),
    ],
)
def test_gauges_tell_what_is(metrics: dict[str, Metric], name: str, labels: tuple[str, ...], value: float) -> None:
    assert samples(metrics[f"ocrfleet_{name}"])[(f"ocrfleet_{name}", *labels)] == value


@pytest.mark.parametrize(
    ("name", "labels", "value"),
    [
        ("pages", ("cpu", "succeeded"), 1),
        ("pages", ("cpu", "failed"), 1),
        ("page_failures", ("page_timeout",), 1),
        ("crashes", ("page_timeout",), 1),
        ("jobs", ("partial",), 1),
        ("job_failures", ("page_timeout",), 1),
        ("stage_seconds", ("gpu", "detection"), 1.5),
        ("engine_starts", ("gpu",), 1),
        ("engine_start_seconds", ("gpu",), 4),
        ("webhooks", ("delivered",), 1),
    ],
)
def test_counters_tell_what_was(metrics: dict[str, Metric], name: str, labels: tuple[str, ...], value: float) -> None:
    assert samples(metrics[f"ocrfleet_{name}"])[(f"ocrfleet_{name}_total", *labels)] == value


def test_histograms_add_up(metrics: dict[str, Metric]) -> None:
    pages = samples(metrics["ocrfleet_page_seconds"])
    bounds = ("0.1", "0.25", "0.5", "120", "+Inf")
    assert [pages["ocrfleet_page_seconds_bucket", *pair] for pair in (("gpu", one) for one in bounds)] == [
        0,
        1,
        2,
        2,
        3,
    ]
    assert pages["ocrfleet_page_seconds_count", "gpu"] == 3
    assert pages["ocrfleet_page_seconds_sum", "gpu"] == 200.5
    assert samples(metrics["ocrfleet_unit_pages"])["ocrfleet_unit_pages_sum", "gpu"] == 3


def test_an_empty_fleet_has_metrics_too(http: httpx.Client) -> None:
    assert "ocrfleet_webhooks_pending 0.0" in http.get("/metrics").text


def test_every_metric_of_the_dashboard_is_there(metrics: dict[str, Metric]) -> None:
    known = {sample.name for metric in metrics.values() for sample in metric.samples}
    asked = {name for expression in expressions() for name in re.findall(r"ocrfleet_\w+", expression)}
    assert asked - known == set()
    assert len(asked) > 15


def expressions() -> Iterator[str]:
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        yield from (target["expr"] for target in panel["targets"])
