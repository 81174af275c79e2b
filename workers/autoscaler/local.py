"""Starts and drains nodes on one machine, as many as are wanted of one kind of device and it has room for."""

from __future__ import annotations

import os
import signal
import sys
import threading
from dataclasses import dataclass

import structlog

from producer.backends.redis_store import RedisJobStore
from producer.connect import addresses
from producer.contract.fleet import FleetWorker, WorkerState
from producer.contract.names import kind_of
from producer.contract.ports import Fleet
from producer.logs import configure_logs
from producer.misspelt import warn_of_misspelt
from producer.settings import load_settings
from workers.engine_options import check_engine_options
from workers.fleet.child_process import Spawner
from workers.fleet.node_plans import core_share, cores_told
from workers.fleet.parts import Part, Parts, drain_s_for
from workers.rounds import go_round
from workers.settings import ALL_SETTINGS, WorkerSettings

_LOOK_S = 1.0
_log = structlog.get_logger(__name__)


@dataclass(kw_only=True, slots=True)
class LocalScaler:
    """Nodes of one process each, on one device, which is one `cpu` for each share of the cores. Used by one thread.

    most: nodes that this machine has room for.
    """

    parts: Parts
    fleet: Fleet
    device: str
    most: int

    def step(self) -> None:
        """Look after the nodes, and start or drain some. Raises: Unavailable."""
        self.parts.watch()
        workers = self.fleet.workers()
        staying = [part for part in self.parts.running if not part.is_leaving]
        own = {part.node for part in self.parts.running}
        kind = kind_of(self.device)
        decision = next((one for one in self.fleet.decisions() if one.kind == kind), None)
        if decision is None:  # nobody observes: what is there stays
            return
        elsewhere = sum(one.kind == kind and one.node not in own for one in workers)
        wanted = max(0, min(self.most, decision.desired_workers - elsewhere))
        if wanted > len(staying):
            self._start(wanted - len(staying))
        for part in sorted(staying, key=lambda part: _use(part, workers))[: max(0, len(staying) - wanted)]:
            _log.info("node_drained", node=part.name, desired=decision.desired_workers)
            self.parts.leave(part)

    def _start(self, count: int) -> None:
        taken = {part.name for part in self.parts.running}
        free = [slot for slot in range(self.most) if self._name(slot) not in taken]
        for slot in free[:count]:
            arguments = [sys.executable, "-m", "workers", "worker", "--device", self.device, "--processes", "1"]
            cores = cores_told(core_share(slot, self.most)) if self.device == "cpu" else {}
            environment = {**os.environ, "OCRFLEET_WORKER_SUPERVISED": "true", **cores}
            self.parts.start(self._name(slot), arguments, environment)
            _log.info("node_started", node=self._name(slot))

    def _name(self, slot: int) -> str:
        return f"worker {self.device} {slot}"


def _use(part: Part, workers: list[FleetWorker]) -> int:
    """Who is drained first: who starts, then who waits, then who reads."""
    states = [one.state for one in workers if one.node == part.node]
    if not states or WorkerState.STARTING in states:
        return 0
    return 2 if WorkerState.BUSY in states else 1


def run_local_scaler(*, device: str, most: int) -> None:
    """`ocrfleet autoscale`: until SIGINT or SIGTERM, then drain. Raises: Unavailable, InvalidRequest."""
    settings, worker = load_settings(), WorkerSettings()
    check_engine_options(settings, worker)
    configure_logs(settings.log_format)
    warn_of_misspelt(os.environ, *ALL_SETTINGS)
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    store = RedisJobStore(addresses(settings)[0])
    spawner = Spawner()
    parts = Parts(spawner=spawner, drain_s=drain_s_for(worker.stop_s))
    scaler = LocalScaler(parts=parts, fleet=store.fleet, device=device, most=most)
    try:
        go_round(scaler.step, name="scaler", every_s=_LOOK_S, stop=stopping)
    finally:
        scaler.parts.stop()
        spawner.close()
        store.close()
