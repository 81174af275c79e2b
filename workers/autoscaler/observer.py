"""Looks at the fleet, asks the policy for each kind of device, and tells the store what is wanted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from producer.contract.fleet import AUTO, FleetWorker, Load, ScaleDecision, WorkerState
from producer.contract.names import DEVICE_KINDS, kind_of_queue
from producer.contract.ports import JobStore
from producer.fleet import pages_per_document, waiting_pages
from workers.autoscaler.policy import Limits, Memory, Seen, decide
from workers.process_name import process_name
from workers.settings import AutoscaleSettings

_LEADER_LEASE_S = 15.0
_KEPT_S = 60.0  # longer than a new leader needs


class Observer:
    """One step decides for every kind. Any number may run; one leads. A new leader keeps what is there for a while."""

    def __init__(self, store: JobStore, limits: Mapping[str, Limits]) -> None:
        """limits: of the kinds that may have workers where there are none yet, the one to begin with first."""
        self._upkeep = store.upkeep
        self._fleet = store.fleet
        self._limits = limits
        self._memories: dict[str, Memory] = {}
        self._page_s: dict[str, float] = {}
        self._holder = process_name()

    def step(self) -> list[ScaleDecision]:
        """Decide; nothing where another leads. Raises: Unavailable."""
        if not self._upkeep.lead("autoscaler", self._holder, lease_s=_LEADER_LEASE_S):
            self._memories.clear()
            return []
        workers, load, counts = self._fleet.workers(), self._fleet.load(), self._fleet.counts()
        kinds = [kind for kind in DEVICE_KINDS if kind in self._limits or any(one.kind == kind for one in workers)]
        shares = self._shares_of_auto(kinds, workers)
        decisions = []
        for kind in kinds:
            done = sum(count for name, count in counts.items() if name.startswith(f"pages|{kind}|"))
            own, auto = _work(load, kind), _work(load, AUTO)
            seen = Seen(
                at_s=load.now.timestamp(),
                waiting_pages=own[0] + round(auto[0] * shares[kind]),
                running_pages=own[1] + round(auto[1] * shares[kind]),
                pages_done=done,
                workers=sum(one.kind == kind and one.state is not WorkerState.DRAINING for one in workers),
                page_s=self._measured(kind, workers),
            )
            decisions.append(self._decide(kind, seen))
        for decision in decisions:
            self._fleet.decide(decision, ttl_s=_KEPT_S)
        return decisions

    def _decide(self, kind: str, seen: Seen) -> ScaleDecision:
        found = decide(seen, self._limits.get(kind, Limits()), self._memories.get(kind, Memory()))
        self._memories[kind] = found.memory
        return ScaleDecision(
            kind=kind,
            waiting_pages=seen.waiting_pages,
            running_pages=seen.running_pages,
            seconds_of_work=round(found.seconds_of_work, 1),
            desired_workers=found.desired_workers,
        )

    def _measured(self, kind: str, workers: Sequence[FleetWorker]) -> float | None:
        """Seconds of a page on one worker; those of the last workers where none has read."""
        speeds = [one.pages_per_second for one in workers if one.kind == kind and one.pages_per_second > 0]
        if speeds:
            self._page_s[kind] = len(speeds) / sum(speeds)
        return self._page_s.get(kind)

    def _shares_of_auto(self, kinds: Sequence[str], workers: Sequence[FleetWorker]) -> dict[str, float]:
        """Who takes how much of the work that any may do: by what they read; without workers, who is listed first."""
        speed = {kind: sum(one.pages_per_second or 1.0 for one in workers if one.kind == kind) for kind in kinds}
        if total := sum(speed.values()):
            return {kind: speed[kind] / total for kind in kinds}
        first = next((kind for kind, limits in self._limits.items() if limits.max_workers), None)
        return {kind: float(kind == first) for kind in kinds}


def limits_of(settings: AutoscaleSettings) -> dict[str, Limits]:
    """The limits of each kind that the settings name."""
    return {
        kind: Limits(
            min_workers=workers.min,
            max_workers=workers.max,
            target_wait_s=settings.target_wait_s,
            cold_start_s=settings.cold_start_s,
            cool_down_s=settings.cool_down_s,
            page_s=settings.page_s,
        )
        for kind, workers in settings.kinds.items()
    }


def _work(load: Load, kind: str) -> tuple[int, int]:
    """Pages of one kind's queues that wait, and that are read."""
    lines = [line for line in load.lines if kind_of_queue(line.queue) == kind]
    return waiting_pages(lines, pages_per_document(load)), sum(line.running_pages for line in lines)
