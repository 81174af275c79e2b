"""What the rounds add up to: a table, a drawing and the numbers themselves."""

from __future__ import annotations

import json
import platform
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

from benchmarks.accuracy.score import SetScore

_BAR_PX, _ROW_PX, _LABEL_PX = 360, 26, 210


@dataclass(frozen=True, kw_only=True, slots=True)
class Round:
    """One engine over all pages once, as its process measured itself."""

    pages: int
    wall_s: float
    cpu_s: float
    peak_mb: float
    load_s: float
    first_s: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """One engine: its rounds in order, and its accuracy by set of pages (of the first round)."""

    name: str
    weights: str
    rounds: tuple[Round, ...]
    scores: Mapping[str, SetScore]

    @property
    def pages_per_s(self) -> float:
        """Median over the rounds."""
        return statistics.median(one.pages / one.wall_s for one in self.rounds)

    @property
    def cpu_s_per_page(self) -> float:
        """Median over the rounds."""
        return statistics.median(one.cpu_s / one.pages for one in self.rounds)


def ratio(ours: Measured, peer: Measured) -> float:
    """How many times the peer's pages a second are ours: the median of the ratios of the same rounds."""
    pairs = zip(ours.rounds, peer.rounds, strict=True)
    return statistics.median(their.wall_s / our.wall_s for our, their in pairs)


def table(measured: Sequence[Measured], failed: Mapping[str, str]) -> str:
    """Markdown. Ratios refer to the first engine."""
    sets = sorted({name for one in measured for name in one.scores})
    heads = ["engine", "weights", "pages/s", "first is", "CPU s/page", "peak MB", "load s", "first page s"]
    heads += [f"{name}: 1-NED / lines" for name in sets]
    rows = [heads, ["---"] * len(heads)]
    for one in measured:
        last = one.rounds[-1]
        row = [one.name, one.weights, f"{one.pages_per_s:.2f}", f"{ratio(measured[0], one):.2f} x"]
        row += [f"{one.cpu_s_per_page:.2f}", f"{max(r.peak_mb for r in one.rounds):.0f}"]
        row += [f"{last.load_s:.1f}", f"{last.first_s:.2f}"]
        row += [f"{one.scores[name].one_ned:.1f} / {one.scores[name].end_to_end:.1f}" for name in sets]
        rows.append(row)
    lines = [f"| {' | '.join(row)} |" for row in rows]
    lines += ["", *(f"Not measured: {name}: {why}." for name, why in failed.items())]
    return "\n".join(lines) + "\n"


def drawing(measured: Sequence[Measured]) -> str:
    """An SVG with a bar of pages a second for every engine."""
    longest = max(one.pages_per_s for one in measured)
    height = _ROW_PX * len(measured) + 30
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_LABEL_PX + _BAR_PX + 80}" height="{height}" '
        'font-family="sans-serif" font-size="13">',
        f'<text x="{_LABEL_PX}" y="16">pages a second, median of the rounds</text>',
    ]
    for at, one in enumerate(measured):
        top, width = 24 + _ROW_PX * at, _BAR_PX * one.pages_per_s / longest
        colour = "#1f6f8b" if at == 0 else "#9bb7c4"
        parts += [
            f'<text x="{_LABEL_PX - 8}" y="{top + 15}" text-anchor="end">{escape(one.name)}</text>',
            f'<rect x="{_LABEL_PX}" y="{top}" width="{width:.1f}" height="20" fill="{colour}"/>',
            f'<text x="{_LABEL_PX + width + 6:.1f}" y="{top + 15}">{one.pages_per_s:.2f}</text>',
        ]
    return "\n".join([*parts, "</svg>"]) + "\n"


def stages(timings_ms: Sequence[Mapping[str, float]]) -> str:
    """Markdown: where the time of a page goes, mean milliseconds by stage."""
    names = list(dict.fromkeys(name for page in timings_ms for name in page))
    means = [statistics.mean(page.get(name, 0.0) for page in timings_ms) for name in names]
    return "\n".join(
        [
            f"| {' | '.join(names)} | total |",
            f"|{'---|' * (len(names) + 1)}",
            f"| {' | '.join(f'{mean:.0f}' for mean in means)} | {sum(means):.0f} |",
            "",
        ]
    )


def machine() -> str:
    """The processor, its cores and what runs on it, in one line."""
    info = Path("/proc/cpuinfo")
    text = info.read_text(encoding="utf-8") if info.exists() else ""
    fields = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    named = {name.strip(): value.strip() for name, value in fields.items()}
    flags = named.get("flags", "").split()
    known = [flag for flag in ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16") if flag in flags]
    model = named.get("model name", platform.processor() or platform.machine())
    processors = f"{model}, {text.count('processor')} processors, {' '.join(known)}"
    return f"{processors}; {platform.platform()}; Python {platform.python_version()}"


def write(folder: Path, *, title: str, measured: Sequence[Measured], failed: Mapping[str, str], profile: str) -> None:
    """Write speed.md, speed.svg and speed.json into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    text = [f"# {title}", "", machine(), "", table(measured, failed), "Our stages, ms a page:", "", profile]
    (folder / "speed.md").write_text("\n".join(text), encoding="utf-8")
    (folder / "speed.svg").write_text(drawing(measured), encoding="utf-8")
    rounds = {
        one.name: [{field: getattr(r, field) for field in Round.__dataclass_fields__} for r in one.rounds]
        for one in measured
    }
    (folder / "speed.json").write_text(json.dumps(rounds, indent=1) + "\n", encoding="utf-8")
