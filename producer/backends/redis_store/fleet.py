"""Workers and load, in Redis."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from producer.backends.redis_store.connection import PREFIX, Connection, available, pairs
from producer.contract.fleet import KEPT_MINUTES, SLOT_S, FleetWorker, LineLoad, Load, ScaleDecision, Slot, WorkerReport
from producer.contract.jobs import Priority, utc_from_ms
from producer.contract.names import DEVICE_KINDS


class RedisFleet:
    """`Fleet` in Redis."""

    def __init__(self, connection: Connection) -> None:
        self._redis = connection

    def beat(self, report: WorkerReport, *, ttl_s: float, counted: Mapping[str, int] = MappingProxyType({})) -> bool:
        row = (report.id, report.node, report.model_dump_json(), int(ttl_s * 1000))
        pairs_of_counts: list[str | int] = [part for name, count in counted.items() for part in (name, count)]
        return not self._redis.run("beat", *row, *pairs_of_counts)

    def leave(self, worker_id: str) -> None:
        with available():
            self._redis.client.delete(f"{PREFIX}worker:{worker_id}")

    def drain(self, node: str, *, ttl_s: float) -> None:
        with available():
            self._redis.client.set(f"{PREFIX}drain:{node}", "", px=int(ttl_s * 1000))

    def workers(self) -> list[FleetWorker]:
        rows = pairs(self._redis.run_list("workers"))
        reports = [(WorkerReport.model_validate_json(report), int(seen)) for report, seen in rows.items()]
        found = [FleetWorker(**report.model_dump(), seen_at=utc_from_ms(seen)) for report, seen in reports]
        return sorted(found, key=lambda worker: worker.id)

    def load(self) -> Load:
        # Any: a nested answer, whose shape load.lua states.
        answer: Any = self._redis.run("load", KEPT_MINUTES)
        now_ms, load, waiting, minutes = answer
        return Load(
            now=utc_from_ms(int(now_ms)),
            lines=_lines(pairs(load), waiting),
            slots=tuple(
                slot
                for number, row in zip(minutes[::2], minutes[1::2], strict=True)
                for slot in _slots(int(number), pairs(row))
            ),
        )

    def decide(self, decision: ScaleDecision, *, ttl_s: float) -> None:
        with available():
            self._redis.client.set(_scale_key(decision.kind), decision.model_dump_json(), px=int(ttl_s * 1000))

    def decisions(self) -> list[ScaleDecision]:
        with available():
            rows = self._redis.client.mget([_scale_key(kind) for kind in DEVICE_KINDS])
        return [ScaleDecision.model_validate_json(row) for row in rows if row]

    def counts(self) -> dict[str, int]:
        return {name: int(value) for name, value in self._redis.hash(f"{PREFIX}count").items()}


def _scale_key(kind: str) -> str:
    return f"{PREFIX}scale:{kind}"


def _lines(load: Mapping[str, str], waiting: list[str]) -> tuple[LineLoad, ...]:
    numbers: dict[tuple[str, str], dict[str, int]] = defaultdict(dict)
    for name, value in load.items():
        queue, priority, what = name.split("|")
        numbers[queue, priority][what] = int(value)
    waited_s = {(queue, priority): int(ms) / 1000 for queue, priority, ms in zip(*[iter(waiting)] * 3, strict=True)}
    return tuple(
        LineLoad(
            queue=queue,
            priority=Priority(priority),
            waiting_pages=row.get("waiting", 0),
            unopened_jobs=row.get("unopened", 0),
            running_pages=row.get("running", 0),
            oldest_waiting_s=waited_s.get((queue, priority)),
        )
        for (queue, priority), row in sorted(numbers.items())
    )


def _slots(minute: int, row: Mapping[str, str]) -> list[Slot]:
    """The slots of one minute, in order."""
    found: dict[int, dict[str, int]] = defaultdict(dict)
    for name, value in row.items():
        slot, _, what = name.partition("|")
        found[int(slot)][what] = int(value)
    return [
        Slot(
            at=datetime.fromtimestamp(minute * 60 + slot * SLOT_S, tz=UTC),
            pages={what.removeprefix("pages|"): n for what, n in counts.items() if what.startswith("pages|")},
            opened_jobs=counts.get("opened_jobs", 0),
            opened_pages=counts.get("opened_pages", 0),
        )
        for slot, counts in sorted(found.items())
    ]
