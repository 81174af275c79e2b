"""Wiring of worker processes: what a child owns, and what the io node's parent runs beside its children."""

from __future__ import annotations

import importlib
import os
import signal
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import timedelta
from functools import cache, partial
from typing import TYPE_CHECKING, Protocol

import structlog
from billiard.process import current_process
from celery.signals import worker_process_init, worker_process_shutdown, worker_ready, worker_shutdown

from producer.backends.redis_store import RedisJobStore
from producer.connect import addresses, connect_bucket, connect_objects, connect_queue, remote_rules
from producer.contract import names
from producer.contract.errors import Unavailable
from producer.contract.jobs import OcrOptions
from producer.contract.leases import Worker
from producer.contract.ports import Fleet, JobStore, Queue
from producer.logs import configure_logs
from producer.settings import Settings, load_settings
from producer.telemetry import export_traces
from workers import failpoints
from workers.autoscaler.observer import Observer, limits_of
from workers.courier import Courier
from workers.deliver import WebhookDelivery
from workers.drain import Consumer, Drain
from workers.engine_options import engine_options
from workers.fleet.pinning import inside, pin_process
from workers.heartbeat import LeaseTimes, PageBounds
from workers.presence import Presence
from workers.process_name import process_name
from workers.reconciler import Reconciler
from workers.rounds import go_round
from workers.settings import AutoscaleSettings, WorkerSettings
from workers.sweep import Sweep

if TYPE_CHECKING:
    from workers.engine import Engine
    from workers.engines import Build, Engines
    from workers.fetching import Fetcher
    from workers.process import UnitProcessor

_RECONCILE_S, _DELIVER_S, _OBSERVE_S, _UNSIGNED_S = 1.0, 1.0, 5.0, 60.0
_UNFIT_EXIT_CODE = 78  # EX_CONFIG of sysexits.h
_DRAIN_KEPT_S = 30.0  # longer than a node can take to end after its time
_log = structlog.get_logger(__name__)


class Takes(Protocol):
    """What takes the unit whose turn it is."""

    def work(self, *, keep_message: Callable[[], None], is_leaving: Callable[[], bool]) -> bool:
        """False: there was none. Raises: Unavailable."""


class DeviceMismatch(RuntimeError):
    """The engine is not on the device that its worker is pinned to."""


class Child:
    """What one child process owns; built when the process starts, used by its one task at a time."""

    def __init__(self, settings: Settings, worker: WorkerSettings) -> None:
        self._stop_tracing = export_traces(settings.otlp_endpoint, service=f"ocrfleet-{worker.role}")
        redis_url, _ = addresses(settings)
        self.queue = connect_queue(settings)
        store = RedisJobStore(redis_url)
        self.presence = Presence(store.fleet, device=worker.device, beat_s=worker.beat_s)
        self._is_device = worker.role == "device"
        self.processor: Takes = (
            self._load(settings, worker, store) if self._is_device else _fetcher(settings, worker, store, self.queue)
        )

    def close(self) -> None:
        """Leave the fleet, and send the last spans."""
        if self._is_device:
            self.presence.close()
        self._stop_tracing()

    def _load(self, settings: Settings, worker: WorkerSettings, store: JobStore) -> UnitProcessor:
        """Load the engine, which takes seconds, as a worker that is starting."""
        from workers.engines import Engines

        self.presence.start()
        began = time.monotonic()
        build = _builder(worker, on_page=self.presence.page_read)
        engines = Engines(build, engine_options(settings, worker), most=worker.max_engines)
        engine = engines.of(OcrOptions())
        loaded = time.monotonic()
        engine.warm_up()
        _log.info(
            "engine_ready",
            device=worker.device,
            runtime=engine.runtime,
            load_ms=round((loaded - began) * 1000),
            warm_up_ms=round((time.monotonic() - loaded) * 1000),
        )
        processor = _processor(settings, worker, engines, store=store, queue=self.queue)
        self.presence.ready(device=worker.device, runtime=engine.runtime)
        return processor


_child: Child | None = None
_stop_upkeep = threading.Event()
_stop_with_parent = ExitStack()


def child() -> Child:
    """This process's own. Raises: RuntimeError outside a worker's child."""
    if _child is None:
        raise RuntimeError("tasks run in the children of `ocrfleet worker`")
    return _child


def _start_child(**_signal: object) -> None:
    """Runs in the spawned child, before it takes work."""
    global _child  # the one place where a process gets its wiring
    settings, worker = load_settings(), WorkerSettings()
    configure_logs(settings.log_format)
    failpoints.arm(worker.failpoint, worker.failpoint_dir)
    try:
        _child = Child(settings, worker)
    except Exception:  # noqa: BLE001 -- Celery would log any and let a child without an engine take work
        _log.exception("child_unfit", role=worker.role, device=worker.device)
        os.kill(os.getppid(), signal.SIGTERM)
        os._exit(_UNFIT_EXIT_CODE)
    _log.info("child_ready", role=worker.role, device=worker.device, pid=os.getpid())


def _start_parent(sender: Consumer, **_signal: object) -> None:
    """Runs in the node's main process, once it consumes."""
    settings, worker = load_settings(), WorkerSettings()
    configure_logs(settings.log_format)
    failpoints.arm(worker.failpoint, worker.failpoint_dir)
    _log.info("worker_ready", role=worker.role, device=worker.device)
    redis_url, _ = addresses(settings)
    store = RedisJobStore(redis_url)
    _warn_of_redis(store)
    tell = partial(_tell_children, store.fleet, within_s=worker.stop_s)
    Drain(sender, within_s=worker.stop_s, tell=tell).install()
    if worker.role == "io":
        kept = timedelta(seconds=settings.job_ttl_s + settings.result_ttl_s)
        sweep = Sweep(store, connect_objects(settings), orphan_age=kept)
        reconciler = Reconciler(store, connect_queue(settings), sweep)
        observer = Observer(store, limits_of(AutoscaleSettings()))
        _in_background(reconciler.step, name="reconciler", every_s=_RECONCILE_S)
        _in_background(observer.step, name="autoscaler", every_s=_OBSERVE_S)
        _deliver_webhooks(settings, store)


def _deliver_webhooks(settings: Settings, store: JobStore) -> None:
    """Have webhooks delivered, by every io node, whether it leads or not."""
    if not settings.webhook_secret:
        _in_background(partial(_warn_of_unsigned, store), name="webhooks", every_s=_UNSIGNED_S)
        return
    _stop_with_parent.callback(export_traces(settings.otlp_endpoint, service="ocrfleet-io"))
    secret = settings.webhook_secret.get_secret_value()
    delivery = WebhookDelivery(store, secret=secret, allow_private_urls=settings.allow_private_urls)
    courier = Courier(store.outbox, delivery.deliver, is_stopping=_stop_upkeep.is_set)
    _stop_with_parent.callback(courier.close)  # before the traces of what it does are sent
    _in_background(courier.step, name="webhooks", every_s=_DELIVER_S)


def _warn_of_unsigned(store: JobStore) -> None:
    if store.outbox.backlog().overdue_s:
        _log.error("webhooks_unsigned", reason="deliveries wait, and OCRFLEET_WEBHOOK_SECRET is not set")


def _in_background(step: Callable[[], object], *, name: str, every_s: float) -> None:
    rounds = {"name": name, "every_s": every_s, "stop": _stop_upkeep}
    threading.Thread(target=go_round, args=(step,), kwargs=rounds, name=name, daemon=True).start()


def _warn_of_redis(store: RedisJobStore) -> None:
    try:
        for warning in store.warnings():
            _log.warning("redis_unsafe", why=warning)
    except Unavailable as error:
        _log.warning("redis_unchecked", reason=error.message)


def _tell_children(fleet: Fleet, *, within_s: float) -> None:
    """Have the children of this node told that they end: Celery only waits for their tasks.

    A unit may have many pages, and the time to stop is for the whole of it.
    """
    try:
        fleet.drain(process_name(), ttl_s=within_s + _DRAIN_KEPT_S)
    except Unavailable as error:
        _log.warning("drain_untold", reason=error.message)


def _stop_parent(**_signal: object) -> None:
    _stop_upkeep.set()
    _stop_with_parent.close()


def _stop_child(**_signal: object) -> None:
    """Runs in a child that ends in order."""
    if _child is not None:
        _child.close()


def _processor(
    settings: Settings, worker: WorkerSettings, engines: Engines, *, store: JobStore, queue: Queue
) -> UnitProcessor:
    # Only a device child loads the engine: the parent and the io node never import a runtime.
    from ocr_engine import DocumentLimits
    from workers.process import ProcessLimits, UnitProcessor

    limits = ProcessLimits(
        document=DocumentLimits(
            max_bytes=settings.max_file_bytes,
            max_pages=settings.max_pages,
            max_page_pixels=settings.max_page_pixels,
        ),
        max_attempts=settings.max_attempts,
        unit_pages=settings.unit_pages,
        lease=LeaseTimes(lease_s=worker.lease_s, heartbeat_s=worker.heartbeat_s),
        page=PageBounds(
            timeout_s=settings.page_timeout_s, memory_bytes=worker.memory_limit_mib << 20, load_s=worker.start_s
        ),
    )
    return UnitProcessor(
        engines=engines,
        store=store,
        objects=connect_objects(settings),
        doorbell=queue,
        limits=limits,
        worker=Worker(
            queues=names.queues_served_by(worker.device),
            holder=process_name(),
            device=worker.device,
        ),
    )


def _fetcher(settings: Settings, worker: WorkerSettings, store: JobStore, queue: Queue) -> Fetcher:
    # Ending a job needs words of the engine, which loads arrays: not in the parent.
    from workers.fetching import Fetcher, FetchLimits

    return Fetcher(
        store=store,
        objects=connect_objects(settings),
        doorbell=queue,
        open_bucket=cache(partial(connect_bucket, settings)),
        limits=FetchLimits(
            rules=remote_rules(settings),
            max_bytes=settings.max_file_bytes,
            timeout_s=settings.fetch_timeout_s,
            lease=LeaseTimes(lease_s=worker.lease_s, heartbeat_s=worker.heartbeat_s),
        ),
        holder=process_name(),
    )


def _builder(worker: WorkerSettings, *, on_page: Callable[[Mapping[str, float]], None]) -> Build:
    """What builds engines, ours or the stand-in that a test names, on this process's share of the CPU."""
    from workers.engine import ObservedEngine

    share = pin_process(_slot(), worker.processes or 1, cores=worker.cores)
    module, _, factory = worker.engine.partition(":")
    wanted = inside(worker.device)

    def build(options: Mapping[str, object]) -> Engine:
        """Raises: EngineError; DeviceMismatch: it runs somewhere else than it was told to."""
        make = getattr(importlib.import_module(module), factory)
        engine: Engine = make(device=wanted, cpu_threads=share.threads, **options)
        if engine.device != wanted:
            raise DeviceMismatch(f"the engine for {worker.device} runs on {engine.device}, not on {wanted}")
        return ObservedEngine(engine, device=worker.device, on_page=on_page)

    return build


def _slot() -> int:
    """Which of the node's children this is, from 0; one that takes a dead child's place has its number."""
    slot: int = current_process().index
    return slot


# Celery's signals, connected when the worker imports its tasks.
worker_process_init.connect(_start_child)
worker_process_shutdown.connect(_stop_child)
worker_ready.connect(_start_parent)
worker_shutdown.connect(_stop_parent)
