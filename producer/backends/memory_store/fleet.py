"""Workers and load, in memory."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from producer.backends.memory_store.state import State, utc
from producer.contract.fleet import KEPT_MINUTES, FleetWorker, LineLoad, Load, ScaleDecision, Slot, WorkerReport
from producer.contract.jobs import Priority
from producer.contract.names import DEVICE_KINDS


class MemoryFleet:
    """`Fleet` in memory."""

    def __init__(self, state: State) -> None:
        self._state = state

    def beat(self, report: WorkerReport, *, ttl_s: float, counted: Mapping[str, int] = MappingProxyType({})) -> bool:
        now = self._state.now()
        with self._state.lock:
            self._state.counts.update(counted)
            self._state.workers[report.id] = (report, now, now + ttl_s)
            return self._state.draining.get(report.node, 0.0) <= now

    def leave(self, worker_id: str) -> None:
        with self._state.lock:
            self._state.workers.pop(worker_id, None)

    def drain(self, node: str, *, ttl_s: float) -> None:
        with self._state.lock:
            self._state.draining[node] = self._state.now() + ttl_s

    def workers(self) -> list[FleetWorker]:
        now = self._state.now()
        with self._state.lock:
            heard_of = [(report, seen) for report, seen, until in self._state.workers.values() if until > now]
        found = [FleetWorker(**report.model_dump(), seen_at=utc(seen)) for report, seen in heard_of]
        return sorted(found, key=lambda worker: worker.id)

    def load(self) -> Load:
        now = self._state.now()
        with self._state.lock:
            begin = (now // 60 - KEPT_MINUTES + 1) * 60
            slots = [_slot(at, counts) for at, counts in sorted(self._state.slots.items()) if at >= begin]
            return Load(now=utc(now), lines=self._lines(now), slots=tuple(slots))

    def decide(self, decision: ScaleDecision, *, ttl_s: float) -> None:
        with self._state.lock:
            self._state.scale[decision.kind] = (decision, self._state.now() + ttl_s)

    def decisions(self) -> list[ScaleDecision]:
        now = self._state.now()
        with self._state.lock:
            known = [decision for decision, until in self._state.scale.values() if until > now]
        return sorted(known, key=lambda decision: DEVICE_KINDS.index(decision.kind))

    def counts(self) -> dict[str, int]:
        with self._state.lock:
            return dict(self._state.counts)

    def _lines(self, now: float) -> tuple[LineLoad, ...]:
        found: dict[tuple[str, Priority], list[LineLoad]] = {}
        for entry in self._state.jobs.values():
            load = entry.load
            if load.waiting_pages or load.unopened_jobs or load.running_pages:
                found.setdefault((load.queue, load.priority), []).append(load)
        return tuple(
            LineLoad(
                queue=queue,
                priority=priority,
                waiting_pages=sum(one.waiting_pages for one in loads),
                unopened_jobs=sum(one.unopened_jobs for one in loads),
                running_pages=sum(one.running_pages for one in loads),
                oldest_waiting_s=self._waited_s(queue, priority, now),
            )
            for (queue, priority), loads in sorted(found.items())
        )

    def _waited_s(self, queue: str, priority: Priority, now: float) -> float | None:
        lines = self._state.ready.get((queue, priority), {})
        arrived = [self._state.arrived[job_id] for line in lines.values() for job_id in line]
        return now - min(arrived) if arrived else None


def _slot(at: int, counts: dict[str, int]) -> Slot:
    return Slot(
        at=utc(at),
        pages={name.removeprefix("pages|"): n for name, n in counts.items() if name.startswith("pages|")},
        opened_jobs=counts.get("opened_jobs", 0),
        opened_pages=counts.get("opened_pages", 0),
    )
