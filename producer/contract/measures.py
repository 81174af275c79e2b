"""What workers count beside their pages, and the names under which the store keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from producer.contract.fleet import FleetWorker, Load, ScaleDecision


@dataclass(frozen=True, kw_only=True, slots=True)
class Histogram:
    """Values counted by the first of the `bounds` that they do not exceed, and their sum in whole units."""

    name: str
    bounds: tuple[float, ...]

    def key(self, kind: str, bound: float) -> str:
        return f"{self.name}|{kind}|{bound:g}"

    def sum_key(self, kind: str) -> str:
        return f"{self.name}_sum|{kind}"

    def counted(self, kind: str, value: float, *, units: int) -> dict[str, int]:
        """What one more value adds. units: the value as it is summed up, in milliseconds or pages."""
        bound = next(bound for bound in self.bounds if value <= bound)
        return {self.key(kind, bound): 1, self.sum_key(kind): units}


_INFINITE = float("inf")
PAGE_SECONDS = Histogram(name="page_seconds", bounds=(0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120, _INFINITE))
UNIT_PAGES = Histogram(name="unit_pages", bounds=(1, 2, 4, 8, 16, 64, _INFINITE))


@dataclass(frozen=True, kw_only=True, slots=True)
class WebhookBacklog:
    """Deliveries that are not done, and how late the latest of them is.

    overdue_s: since its attempt was due, whether somebody makes that now or not; 0: none is due.
    """

    pending: int
    overdue_s: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Observed:
    """All that metrics are made of."""

    workers: list[FleetWorker]
    load: Load
    decisions: list[ScaleDecision]
    counts: Mapping[str, int]
    webhooks: WebhookBacklog
