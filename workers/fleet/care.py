"""Which nodes of a machine must be replaced: those that stand still while work waits, and those that are old. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from producer.contract.fleet import FleetWorker, Load, WorkerState
from producer.contract.names import queues_served_by


@dataclass(frozen=True, kw_only=True, slots=True)
class NodeSeen:
    """A node of this machine. id: that of its workers' rows. age_s: since its process started."""

    id: str
    device: str
    age_s: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Replacement:
    """Why a node is replaced. is_idle: it reads nothing, so there is nothing to wait for."""

    why: str
    is_idle: bool


@dataclass(kw_only=True, slots=True)
class Care:
    """Remembers since when each node has stood still, or has had no worker ready.

    stall_s: a node that could take work and takes none for so long is replaced. start_s: one that has had no worker
    ready for so long, which a node may be for a moment at any age: while its child is replaced, or Redis comes back.
    max_age_s: an older one is replaced too, when all others are up; None: never.
    """

    stall_s: float
    start_s: float
    max_age_s: float | None
    _still: dict[str, tuple[float, int]] = field(default_factory=dict)  # node -> since when, at how many pages
    _unready: dict[str, float] = field(default_factory=dict)  # node -> since when

    def to_replace(
        self, nodes: Sequence[NodeSeen], workers: Sequence[FleetWorker], load: Load, *, now: float
    ) -> Mapping[str, Replacement]:
        """The nodes to replace, and why. now: monotonic seconds."""
        still = {node.id: why for node in nodes if (why := self._why(node, workers, load, now))}
        found = {node: Replacement(why=why, is_idle=True) for node, why in still.items()}
        old = [node for node in nodes if self.max_age_s is not None and node.age_s > self.max_age_s]
        if old and not found and all(_is_up(node, workers) for node in nodes):
            found[old[0].id] = Replacement(why=f"it is older than {self.max_age_s:g} s", is_idle=False)
        ids = {node.id for node in nodes}
        self._still = {node: seen for node, seen in self._still.items() if node in ids}
        self._unready = {node: since for node, since in self._unready.items() if node in ids}
        return found

    def _why(self, node: NodeSeen, workers: Sequence[FleetWorker], load: Load, now: float) -> str | None:
        own = [worker for worker in workers if worker.node == node.id]
        if not any(worker.state is not WorkerState.STARTING for worker in own):
            self._still.pop(node.id, None)
            since = self._unready.setdefault(node.id, now)
            return f"no worker was ready for {self.start_s:g} s" if now - since >= self.start_s else None
        self._unready.pop(node.id, None)
        queues = queues_served_by(node.device)
        waits = any(line.queue in queues and (line.oldest_waiting_s or 0.0) > 0 for line in load.lines)
        if not waits or any(worker.state is not WorkerState.READY for worker in own):
            self._still.pop(node.id, None)  # it works, or there is nothing to do
            return None
        pages = sum(worker.pages_done for worker in own)
        since, before = self._still.get(node.id, (now, pages))
        if pages != before:
            since = now
        self._still[node.id] = (since, pages)
        return f"it took no work for {self.stall_s:g} s while work waited" if now - since >= self.stall_s else None


def _is_up(node: NodeSeen, workers: Sequence[FleetWorker]) -> bool:
    return any(worker.node == node.id and worker.state is not WorkerState.STARTING for worker in workers)
