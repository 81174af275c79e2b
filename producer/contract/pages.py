"""Which pages of a document are asked for: `1-3,7`."""

from __future__ import annotations

import re
from dataclasses import dataclass

_RANGE = re.compile(r"\s*(\d{1,7})\s*(?:-\s*(\d{1,7})\s*)?")


@dataclass(frozen=True, kw_only=True, slots=True)
class PageSelection:
    """Ranges of page numbers, first and last included, counted from 1. No ranges means every page."""

    ranges: tuple[tuple[int, int], ...] = ()

    @classmethod
    def parse(cls, text: str | None) -> PageSelection:
        """Read `1-3,7`; None selects every page. Raises: ValueError with the part that cannot be read."""
        if text is None:
            return cls()
        ranges = []
        for part in text.split(","):
            match = _RANGE.fullmatch(part)
            first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
            if not 1 <= first <= last:
                raise ValueError(
                    f"cannot read page range {part.strip()!r}; pages count from 1 and ranges go upwards: 1-3,7"
                )
            ranges.append((first, last))
        return cls(ranges=tuple(ranges))

    def of(self, page_count: int) -> tuple[int, ...]:
        """The selected page numbers of a document of `page_count` pages, ascending, each once."""
        if not self.ranges:
            return tuple(range(1, page_count + 1))
        chosen: set[int] = set()
        for first, last in self.ranges:
            chosen.update(range(first, min(last, page_count) + 1))
        return tuple(sorted(chosen))
