"""Prometheus metrics: what the store knows of the fleet, in the text that Prometheus reads.

All of it is kept in the store, so it is the same from every API replica, and right with any number of worker processes
that come and go. Nothing is counted in this process.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from producer.contract.fleet import FleetWorker, LineLoad
from producer.contract.measures import PAGE_SECONDS, UNIT_PAGES, Histogram
from producer.contract.names import kind_of_queue
from producer.direct import Producer
from producer.fleet import pages_per_document, waiting_pages

MEDIA_TYPE = CONTENT_TYPE_LATEST
_PREFIX = "ocrfleet_"
_MS = 0.001


@dataclass(frozen=True, kw_only=True, slots=True)
class _Count:
    """A counter: its name in the store and here, its labels and meaning, and what one of the store's is in its unit."""

    key: str
    name: str
    labels: tuple[str, ...]
    meaning: str
    unit: float = 1


_COUNTS = (
    _Count(key="pages", name="pages", labels=("kind", "outcome"), meaning="Pages read, by kind of device and outcome"),
    _Count(key="page_failures", name="page_failures", labels=("code",), meaning="Pages without a result, by code"),
    _Count(key="crashes", name="crashes", labels=("code",), meaning="Tries that ended or may harm a process, by code"),
    _Count(key="jobs", name="jobs", labels=("state",), meaning="Jobs that ended, by state"),
    _Count(key="job_failures", name="job_failures", labels=("code",), meaning="Jobs that ended with an error, by code"),
    _Count(
        key="stage_ms",
        name="stage_seconds",
        labels=("kind", "stage"),
        meaning="Time in each stage of reading",
        unit=_MS,
    ),
    _Count(key="engine_starts", name="engine_starts", labels=("kind",), meaning="Engines loaded and warmed up"),
    _Count(
        key="engine_start_ms",
        name="engine_start_seconds",
        labels=("kind",),
        meaning="Time in which engines were loaded and warmed up",
        unit=_MS,
    ),
    _Count(key="webhooks", name="webhooks", labels=("state",), meaning="Webhook attempts, by the state after them"),
    _Count(
        key="webhook_lag_ms",
        name="webhook_lag_seconds",
        labels=(),
        meaning="From the end of a job to its delivery, of all that were delivered",
        unit=_MS,
    ),
)
_HISTOGRAMS = (
    (PAGE_SECONDS, "page_seconds", "Time to read a page, by kind of device", _MS),
    (UNIT_PAGES, "unit_pages", "Pages that a worker read in one go, by kind of device", 1.0),
)


def exposition(producer: Producer) -> bytes:
    """Every metric now. Raises: Unavailable."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Fixed(list(_metrics(producer))))
    return generate_latest(registry)


class _Fixed(Collector):
    """Metrics that are there already."""

    def __init__(self, metrics: list[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics


def _metrics(producer: Producer) -> Iterator[Metric]:
    observed = producer.observed()
    yield from _work(observed.load.lines, pages_per_document(observed.load))
    yield from _workers(observed.workers)
    desired = _gauge("desired_workers", "Workers that there should be, by kind of device", ["kind"])
    seconds = _gauge("seconds_of_work", "Seconds of one worker for all the pages that wait or are read", ["kind"])
    for decision in observed.decisions:
        desired.add_metric([decision.kind], decision.desired_workers)
        seconds.add_metric([decision.kind], decision.seconds_of_work)
    yield from (desired, seconds)
    yield _gauge("webhooks_pending", "Webhook deliveries that are not done", value=observed.webhooks.pending)
    yield _gauge("webhook_overdue_seconds", "How late the latest undelivered is", value=observed.webhooks.overdue_s)
    for one in _COUNTS:
        yield _counter(one, observed.counts)
    for histogram, name, meaning, unit in _HISTOGRAMS:
        yield _histogram(histogram, name, meaning, unit, observed.counts)


def _work(lines: Iterable[LineLoad], per_document: float) -> Iterator[Metric]:
    about = "Pages that nobody reads yet; estimated for documents not opened"
    waiting = _gauge("waiting_pages", about, ["kind", "priority"])
    running = _gauge("running_pages", "Pages of the units that workers have", ["kind", "priority"])
    oldest = _gauge("oldest_waiting_seconds", "How long the longest has waited", ["kind", "priority"])
    groups: dict[tuple[str, str], list[LineLoad]] = defaultdict(list)
    for line in lines:
        groups[kind_of_queue(line.queue), line.priority].append(line)
    for (kind, priority), group in groups.items():
        waiting.add_metric([kind, priority], waiting_pages(group, per_document))
        running.add_metric([kind, priority], sum(line.running_pages for line in group))
        oldest.add_metric([kind, priority], max(line.oldest_waiting_s or 0.0 for line in group))
    yield from (waiting, running, oldest)


def _workers(workers: Iterable[FleetWorker]) -> Iterator[Metric]:
    count = _gauge("workers", "Processes with an engine, by kind of device and state", ["kind", "state"])
    memory = _gauge("resident_bytes", "Memory of the workers, by host and device", ["host", "device"])
    states: Counter[tuple[str, str]] = Counter()
    held: Counter[tuple[str, str]] = Counter()
    for worker in workers:
        states[worker.kind, worker.state] += 1
        held[worker.host, worker.device] += worker.resident_bytes
    for (kind, state), number in states.items():
        count.add_metric([kind, state], number)
    for (host, device), size_bytes in held.items():
        memory.add_metric([host, device], size_bytes)
    yield from (count, memory)


def _gauge(
    name: str, meaning: str, labels: list[str] | None = None, *, value: float | None = None
) -> GaugeMetricFamily:
    return GaugeMetricFamily(_PREFIX + name, meaning, labels=labels, value=value)


def _counter(one: _Count, counts: Mapping[str, int]) -> CounterMetricFamily:
    found = CounterMetricFamily(_PREFIX + one.name, one.meaning, labels=list(one.labels))
    for name, value in sorted(counts.items()):
        key, *labels = name.split("|")
        if key == one.key:
            found.add_metric(labels, value * one.unit)
    return found


def _histogram(
    histogram: Histogram, name: str, meaning: str, unit: float, counts: Mapping[str, int]
) -> HistogramMetricFamily:
    found = HistogramMetricFamily(_PREFIX + name, meaning, labels=["kind"])
    for kind in sorted({key.split("|")[1] for key in counts if key.startswith(f"{histogram.name}|")}):
        total, buckets = 0, []
        for bound in histogram.bounds:
            total += counts.get(histogram.key(kind, bound), 0)
            buckets.append((f"{bound:g}" if bound != float("inf") else "+Inf", total))
        found.add_metric([kind], buckets, counts.get(histogram.sum_key(kind), 0) * unit)
    return found
