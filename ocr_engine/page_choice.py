"""Which pages of a document are asked for: `1-3,7`.

The queue's contract reads the same words (`producer.contract.pages`). Engine and producer know nothing of each other,
and a package between them for one expression would cost more than it saves: a test holds the two together.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from numbers import Integral

from ocr_engine.errors import InvalidRequest

_RANGE = re.compile(r"\s*(\d{1,7})\s*(?:-\s*(\d{1,7})\s*)?")


@dataclass(frozen=True, kw_only=True, slots=True)
class PageChoice:
    """Ranges of page numbers, first and last included, counted from 1. No ranges: every page."""

    ranges: tuple[tuple[int, int], ...] = ()

    @classmethod
    def parse(cls, pages: str | int | Sequence[int] | None) -> PageChoice:
        """Read `1-3,7`, a number, or a list of numbers; None: every page. Raises: InvalidRequest naming the part."""
        if pages is None:
            return cls()
        if isinstance(pages, str):
            return cls(ranges=tuple(_range(part) for part in pages.split(",")))
        if isinstance(pages, Integral):
            return cls(ranges=(_range(str(pages)),))
        if not isinstance(pages, Iterable):
            raise InvalidRequest(f"pages={pages!r} chooses no pages; give a number, a list of them, or 1-3,7")
        ranges = tuple(_range(str(part)) for part in pages)
        if not ranges:
            raise InvalidRequest("pages is an empty list; leave it out to read every page")
        return cls(ranges=ranges)

    def of(self, page_count: int) -> tuple[int, ...]:
        """The chosen pages of a document of `page_count` pages, from 0, ascending, each once.

        Numbers beyond its end are left out. Raises: InvalidRequest: no page is left.
        """
        if not self.ranges:
            return tuple(range(page_count))
        chosen = {page for first, last in self.ranges for page in range(first - 1, min(last, page_count))}
        if not chosen:
            asked = ",".join(str(first) if first == last else f"{first}-{last}" for first, last in self.ranges)
            raise InvalidRequest(f"pages={asked} chooses none of its {page_count} pages")
        return tuple(sorted(chosen))


def _range(part: str) -> tuple[int, int]:
    match = _RANGE.fullmatch(part)
    first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
    if not 1 <= first <= last:
        raise InvalidRequest(
            f"cannot read page range {part.strip()!r}; pages count from 1 and ranges go upwards: 1-3,7"
        )
    return first, last
