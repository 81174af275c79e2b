"""The figures in words: a table in Markdown, out of the file that the benchmark writes."""

from __future__ import annotations

import json
from pathlib import Path

_ROWS = (("engines", "engines alone: the machine's ceiling"), ("jobs", "jobs of one page"), ("pdf", "one PDF"))
_HEAD = (
    "| | one process, pages/s | two, pages/s | ratio | processor s a page | of those who help | taken by strangers |\n"
    "| --- | --- | --- | --- | --- | --- | --- |\n"
)


def table(path: Path) -> str:
    """What one and two processes read of each kind of work; pairs are of one process and of two."""
    measured = json.loads(path.read_text())
    rows = []
    for key, name in _ROWS:
        one, two = measured[key]
        readers = f"{one['processor_s_a_page']:.3f} / {two['processor_s_a_page']:.3f}"
        others = f"{one['others_processor_s_a_page']:.3f} / {two['others_processor_s_a_page']:.3f}"
        strangers = f"{one['elsewhere_share']:.0%} / {two['elsewhere_share']:.0%}"
        ratio = two["pages_per_s"] / one["pages_per_s"]
        pages = f" of {measured['pages_read'][key]} pages" if key == "pdf" else ""
        rows.append(
            f"| {name}{pages} | {one['pages_per_s']:.2f} | {two['pages_per_s']:.2f} | {ratio:.2f} | {readers} "
            f"| {'' if key == 'engines' else others} | {strangers} |\n"
        )
    return _HEAD + "".join(rows)
