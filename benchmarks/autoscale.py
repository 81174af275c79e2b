"""`python -m benchmarks.autoscale`: a bursty day under our policy and under list-length scaling, table and plot."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.autoscale_simulation import ListLengthScaler, Outcome, PolicyScaler, bursty_day, run_day
from workers.autoscaler.policy import Limits

_COLD_START_S = 40.0
_POLICY_EVERY_S, _LIST_EVERY_S = 5, 30  # how often ours decides; KEDA's default
_JOBS_A_WORKER = 8  # with 3 pages a job and a second a page: as long a wait as the policy's 30 s
_SEED = 7
_WIDTH, _HEIGHT, _LEFT, _GAP = 960, 150, 60, 44
_COLOURS = {"policy": "#1f6feb", "list length": "#d1642a"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Fleet:
    """A day for a fleet of at most so many workers, at a second a page."""

    name: str
    most: int
    pages_a_second: float


_FLEETS = (
    Fleet(name="40 workers", most=40, pages_a_second=8),
    Fleet(name="1,000 workers", most=1000, pages_a_second=330),
)


def main() -> None:
    """Simulate, print the table, and write it with the plot."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plot", type=Path, default=Path("docs/images/autoscaling.svg"))
    options = parser.parse_args()
    print("| fleet | scaler | pages | wait p50 / p95 / p99 s | worker-hours | busy | changes | turns |")
    print("|---|---|---|---|---|---|---|---|")
    panels = []
    for fleet in _FLEETS:
        pages, outcomes = _simulate(fleet)
        for name, one in outcomes.items():
            waits = f"{one.wait_p50_s:.0f} / {one.wait_p95_s:.0f} / {one.wait_p99_s:.0f}"
            print(
                f"| {fleet.name} | {name} | {pages:,} | {waits} | {one.worker_hours:,.0f} | {one.busy_share:.0%} "
                f"| {one.changes} | {one.turns} |"
            )
        panels.append((f"Workers, {fleet.name} at most", {name: one.workers for name, one in outcomes.items()}))
        panels.append(("Waiting pages", {name: one.waiting for name, one in outcomes.items()}))
    options.plot.write_text(_plot(panels), encoding="utf-8")


def _simulate(fleet: Fleet) -> tuple[int, dict[str, Outcome]]:
    day = bursty_day(pages_a_second=fleet.pages_a_second, page_s=1.0, seed=_SEED)
    limits = Limits(max_workers=fleet.most, cold_start_s=_COLD_START_S)
    return day.pages, {
        "policy": run_day(day, PolicyScaler(limits=limits, page_s=1.0), limits, every_s=_POLICY_EVERY_S),
        "list length": run_day(
            day, ListLengthScaler(jobs_a_worker=_JOBS_A_WORKER, limits=limits), limits, every_s=_LIST_EVERY_S
        ),
    }


def _plot(panels: Sequence[tuple[str, dict[str, Sequence[int]]]]) -> str:
    """An SVG of line charts over the hours of a day, one below the other."""
    height = len(panels) * (_HEIGHT + _GAP) + 30
    size = f'width="{_WIDTH}" height="{height}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="12">'
    parts = [head, f'<rect width="{_WIDTH}" height="{height}" fill="white"/>']
    for at, (name, colour) in enumerate(_COLOURS.items()):
        parts.append(f'<text x="{_WIDTH - 220 + 100 * at}" y="18" fill="{colour}">{name}</text>')
    for number, (title, series) in enumerate(panels):
        parts += _panel(title, series, top=30 + number * (_HEIGHT + _GAP))
    return "\n".join([*parts, "</svg>"]) + "\n"


def _panel(title: str, series: dict[str, Sequence[int]], *, top: int) -> list[str]:
    most, base, width = max(max(values) for values in series.values()) or 1, top + _HEIGHT, _WIDTH - _LEFT - 30
    parts = [
        f'<text x="{_LEFT}" y="{top - 6}" font-weight="bold">{title}</text>',
        f'<text x="{_LEFT - 6}" y="{top + 10}" text-anchor="end">{most:,}</text>',
        f'<text x="{_LEFT - 6}" y="{base}" text-anchor="end">0</text>',
        f'<path d="M{_LEFT} {top}V{base}H{_LEFT + width}" fill="none" stroke="#888"/>',
    ]
    for hour in range(0, 25, 4):
        parts.append(f'<text x="{_LEFT + width * hour / 24:.0f}" y="{base + 15}" text-anchor="middle">{hour}:00</text>')
    for name, values in series.items():
        points = " ".join(
            f"{_LEFT + width * at / len(values):.1f},{base - _HEIGHT * value / most:.1f}"
            for at, value in enumerate(values)
        )
        parts.append(f'<polyline points="{points}" fill="none" stroke="{_COLOURS[name]}" stroke-width="1.2"/>')
    return parts


if __name__ == "__main__":
    main()
