"""Folders of pages with what is written on them: `{set}/gt.jsonl` and `{set}/images`.

One JSON object a line: `{"image": "images/a.png", "lines": [{"poly": [[x, y] * 4], "text": "..."}], "ignore": [poly]}`;
polygons in pixels of the image as stored, origin top-left. `lines` is empty where nothing is known of the page, and a
`poly` null where only the text is.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

#: Four or more (x, y), pixels.
Polygon: TypeAlias = tuple[tuple[float, float], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class TextLine:
    """One line of text and where it is; the polygon is None where only the text is known."""

    text: str
    polygon: Polygon | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """One file of a set. `ignore`: regions whose text does not count."""

    name: str
    path: Path
    lines: tuple[TextLine, ...]
    ignore: tuple[Polygon, ...]

    @property
    def group(self) -> str:
        """The set it belongs to."""
        return self.name.partition("/")[0]

    @property
    def is_pdf(self) -> bool:
        """Whether a renderer makes its pixels."""
        return self.path.suffix.lower() == ".pdf"

    @property
    def has_truth(self) -> bool:
        """Whether every line has its text and place."""
        return bool(self.lines) and all(line.polygon is not None for line in self.lines)


def load(folder: Path, *, sets: Sequence[str] = ()) -> list[Page]:
    """Every page of the named sets, by default of all, in the order of their files."""
    found = sorted(path.parent for path in folder.glob("*/gt.jsonl"))
    return [page for one in found if not sets or one.name in sets for page in _pages(one)]


def polygon_of(points: Sequence[Sequence[float]]) -> Polygon:
    """A polygon as JSON gives it."""
    return tuple((float(x), float(y)) for x, y in points)


def _pages(folder: Path) -> Iterator[Page]:
    for row in (folder / "gt.jsonl").read_text(encoding="utf-8").splitlines():
        truth = json.loads(row)
        yield Page(
            name=f"{folder.name}/{Path(truth['image']).name}",
            path=folder / truth["image"],
            lines=tuple(
                TextLine(text=line["text"], polygon=polygon_of(line["poly"]) if line["poly"] else None)
                for line in truth["lines"]
            ),
            ignore=tuple(polygon_of(points) for points in truth.get("ignore", ())),
        )
