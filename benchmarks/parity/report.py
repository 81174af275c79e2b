"""The table of a comparison, and the list of everything that differs with its cause."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.parity.compare import Cause, Comparison

# The share of lines that must have the same box, and the same text.
PROMISED_SHARE = 0.995
_HEAD = "pages  lines  texts %  boxes %  exact % scores % score max  words %"


@dataclass(frozen=True, kw_only=True, slots=True)
class Total:
    """The sum of many pages; shares are 0..1 of all lines."""

    pages: int
    lines: int
    boxes: float
    exact: float
    texts: float
    scores: float
    score_max: float
    words: float | None

    @property
    def is_kept(self) -> bool:
        """Whether the promise holds."""
        return min(self.boxes, self.texts, self.scores) >= PROMISED_SHARE


def total_of(pages: Sequence[Comparison]) -> Total:
    """Add pages up. Without a line everything agrees."""
    lines = sum(page.lines for page in pages)
    words = sum(page.words for page in pages)

    def share(hits: int) -> float:
        return hits / lines if lines else 1.0

    return Total(
        pages=len(pages),
        lines=lines,
        boxes=share(sum(page.boxes for page in pages)),
        exact=share(sum(page.exact for page in pages)),
        texts=share(sum(page.texts for page in pages)),
        scores=share(sum(page.scores for page in pages)),
        score_max=max((page.score_max for page in pages), default=0.0),
        words=sum(page.words_same for page in pages) / words if words else None,
    )


def table(rows: Mapping[str, Total]) -> Iterator[str]:
    """One line a row, under a head."""
    width = max([len(name) for name in rows], default=0)
    yield f"{'':{width}} {_HEAD}"
    for name, total in rows.items():
        words = "-" if total.words is None else f"{100 * total.words:.2f}"
        yield (
            f"{name:{width}} {total.pages:5d} {total.lines:6d} {100 * total.texts:8.2f} {100 * total.boxes:8.2f} "
            f"{100 * total.exact:8.2f} {100 * total.scores:8.2f} {total.score_max:9.1e} {words:>8}"
        )


def differences(pages: Iterable[Comparison]) -> Iterator[str]:
    """Every difference, then how often each cause was one."""
    counts: Counter[Cause] = Counter()
    for page in pages:
        for one in page.differences:
            counts[one.cause] += 1
            apart = f"box {one.box_px:.0f} px, score {one.score:.1e}" if one.box_px >= 0 else ""
            yield f"  {one.page}: {one.cause.value.partition(':')[0]} {apart}: {one.reference!r} | {one.ours!r}"
    for cause, count in counts.most_common():
        yield f"  {count:5d}  {cause.value}"
