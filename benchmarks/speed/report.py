"""What the rounds add up to: tables, a drawing and the numbers themselves."""

from __future__ import annotations

import json
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from xml.sax.saxutils import escape

from benchmarks.accuracy.score import SetScore
from benchmarks.dataset import TextLine
from benchmarks.machine import machine
from benchmarks.speed.comparisons import Comparison
from benchmarks.speed.rounds import Round
from benchmarks.speed.stages import LongDocument, Stages

_BAR_PX, _ROW_PX, _LABEL_PX = 360, 26, 210


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """One engine: its rounds in order, its accuracy by set of pages, and the lines of every page (first round)."""

    name: str
    weights: str
    rounds: tuple[Round, ...]
    scores: Mapping[str, SetScore]
    lines: Mapping[Path, Sequence[TextLine]]

    @property
    def pages_per_s(self) -> float:
        """Median over the rounds."""
        return statistics.median(one.pages_per_s for one in self.rounds)

    @property
    def cpu_s_per_page(self) -> float:
        """Median over the rounds."""
        return statistics.median(one.cpu_s / one.pages for one in self.rounds)


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """One comparison with what was measured for it, in its order, and why the others were not."""

    comparison: Comparison
    measured: tuple[Measured, ...]
    failed: Mapping[str, str]


def ratio(ours: Measured, peer: Measured) -> float:
    """How many times the peer's pages a second are ours: the median of the ratios of the same rounds."""
    pairs = zip(ours.rounds, peer.rounds, strict=True)
    return statistics.median(our.pages_per_s / their.pages_per_s for our, their in pairs)


def cpu_ratio(ours: Measured, peer: Measured) -> float:
    """How many times our processor time is the peer's: the median of the ratios of the same rounds."""
    return statistics.median(their.cpu_s / our.cpu_s for our, their in zip(ours.rounds, peer.rounds, strict=True))


def same_text(ours: Measured, peer: Measured) -> float:
    """The share of lines, 0..1, that both read alike on the same page, however they are ordered."""
    pairs = [(Counter(_texts(ours, page)), Counter(_texts(peer, page))) for page in ours.lines]
    same = sum((left & right).total() for left, right in pairs)
    return same / max(sum(max(left.total(), right.total()) for left, right in pairs), 1)


def table(one: Table) -> str:
    """Markdown. Ratios refer to the first engine."""
    measured = one.measured
    sets = sorted({name for engine in measured for name in engine.scores})
    heads = ["engine", "weights", "pages/s", "first is", "by processor time", "CPU s/page", "peak MB"]
    heads += ["load s (CPU)", "first / warm page s", *(f"{name}: 1-NED / lines" for name in sets)]
    heads += ["lines as the first"] if one.comparison.same_text else []
    rows = [heads, ["---"] * len(heads)]
    for engine in measured:
        last = engine.rounds[-1]
        row = [engine.name, engine.weights, f"{engine.pages_per_s:.2f}", f"{ratio(measured[0], engine):.2f} x"]
        row += [f"{cpu_ratio(measured[0], engine):.2f} x", f"{engine.cpu_s_per_page:.2f}"]
        row += [f"{max(r.peak_mb for r in engine.rounds):.0f}", f"{last.load_s:.1f} ({last.load_cpu_s:.1f})"]
        row += [f"{last.first_s:.2f} / {last.warm_s:.2f}"]
        row += [f"{engine.scores[name].one_ned:.1f} / {engine.scores[name].end_to_end:.1f}" for name in sets]
        row += [f"{100 * same_text(measured[0], engine):.1f} %"] if one.comparison.same_text else []
        rows.append(row)
    lines = [f"| {' | '.join(row)} |" for row in rows]
    lines += ["", *(f"Not measured: {name}: {why}." for name, why in one.failed.items())]
    return "\n".join(lines) + "\n"


def drawing(tables: Sequence[Table]) -> str:
    """An SVG with a bar of pages a second for every engine, by comparison; a bar is relative to the longest beside."""
    rows = sum(len(one.measured) + 1 for one in tables)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_LABEL_PX + _BAR_PX + 80}" height="{_ROW_PX * rows + 10}" '
        'font-family="sans-serif" font-size="13">'
    ]
    top = 0
    for one in tables:
        title = f"{one.comparison.title}: {one.comparison.mode.value}, pages a second"
        parts.append(f'<text x="8" y="{top + 18}" font-weight="bold">{escape(title)}</text>')
        longest = max((engine.pages_per_s for engine in one.measured), default=1.0)
        for at, engine in enumerate(one.measured):
            top += _ROW_PX
            width = _BAR_PX * engine.pages_per_s / longest
            parts += [
                f'<text x="{_LABEL_PX - 8}" y="{top + 15}" text-anchor="end">{escape(engine.name)}</text>',
                f'<rect x="{_LABEL_PX}" y="{top}" width="{width:.1f}" height="20" '
                f'fill="{"#1f6f8b" if at == 0 else "#9bb7c4"}"/>',
                f'<text x="{_LABEL_PX + width + 6:.1f}" y="{top + 15}">{engine.pages_per_s:.2f}</text>',
            ]
        top += _ROW_PX
    return "\n".join([*parts, "</svg>"]) + "\n"


def stages(found: Stages) -> str:
    """Markdown: where the time of a page goes, mean milliseconds by stage."""
    means = found.timings_ms
    return "\n".join(
        [
            f"| {' | '.join(means)} | total |",
            f"|{'---|' * (len(means) + 1)}",
            f"| {' | '.join(f'{mean:.0f}' for mean in means.values())} | {sum(means.values()):.0f} |",
            "",
            f"Outside the networks: {100 * found.outside:.1f} % of a page's processor time.",
            "",
        ]
    )


def long_document(found: LongDocument) -> str:
    """Markdown: a long document against a short one."""
    return "\n".join(
        [
            "| pages | CPU ms a page | peak MB |",
            "|---|---|---|",
            f"| {found.short_pages} | {found.short_ms:.0f} | {found.short_peak_mb:.0f} |",
            f"| {found.long_pages} | {found.long_ms:.0f} | {found.long_peak_mb:.0f} |",
            "",
            f"A page of the long one costs {found.long_ms / found.short_ms:.3f} of a page of the short one.",
            "",
        ]
    )


def write(folder: Path, *, title: str, tables: Sequence[Table], profile: Stages, long: LongDocument) -> None:
    """Write speed.md, speed.svg and speed.json into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    text = [f"# {title}", "", machine(), ""]
    for one in tables:
        text += [f"## {one.comparison.title}: {one.comparison.mode.value}", "", table(one)]
    text += ["## Where our page's time goes, ms, one thread", "", stages(profile)]
    text += ["## A long PDF", "", long_document(long)]
    (folder / "speed.md").write_text("\n".join(text), encoding="utf-8")
    (folder / "speed.svg").write_text(drawing(tables), encoding="utf-8")
    rounds = [
        {"title": one.comparison.title, "mode": one.comparison.mode.name.lower()}
        | {engine.name: [asdict(r) for r in engine.rounds] for engine in one.measured}
        for one in tables
    ]
    numbers = {"machine": machine(), "rounds": rounds, "stages": asdict(profile), "long_document": asdict(long)}
    (folder / "speed.json").write_text(json.dumps(numbers, indent=1) + "\n", encoding="utf-8")


def _texts(engine: Measured, page: Path) -> list[str]:
    return [line.text for line in engine.lines.get(page, ())]
