"""A bar of the pages read, on standard error, where that is a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from ocr_engine.document import open_document
from ocr_engine.errors import EngineError
from ocr_engine.page_choice import PageChoice
from ocr_engine.web import is_address

# Other images have one page, which need not be counted.
_PAGED_SUFFIXES = frozenset({".pdf", ".tif", ".tiff"})


class _Rate(ProgressColumn):
    """Pages a second since the start."""

    def render(self, task: Task) -> Text:
        seconds = task.finished_time if task.finished else task.elapsed
        return Text(f"{task.completed / seconds:.1f} pages/s" if seconds else "")


@contextmanager
def page_bar(
    documents: Sequence[object], choice: PageChoice, *, console: Console | None = None
) -> Iterator[Callable[[], None]]:
    """Show the bar, and give what is called after each page. Nothing is shown, or counted, without a terminal."""
    console = console or Console(stderr=True)
    if not console.is_terminal:
        yield lambda: None
        return
    columns = (TextColumn("pages"), BarColumn(), MofNCompleteColumn(), _Rate(), TimeRemainingColumn())
    # What is printed goes above the bar if both share the terminal, and past it into a pipe or a file if not.
    shared = sys.stdout.isatty()
    with Progress(*columns, console=console, redirect_stdout=shared, transient=True) as progress:
        task = progress.add_task("pages", total=sum(count_pages(document, choice) for document in documents))
        yield lambda: progress.advance(task)


def count_pages(document: object, choice: PageChoice) -> int:
    """How many pages will be read of a document; 0 for one that cannot be opened, which is complained about later."""
    if not isinstance(document, str) or is_address(document) or Path(document).suffix.lower() not in _PAGED_SUFFIXES:
        return 1
    try:
        with open_document(Path(document)) as opened:
            return len(choice.of(opened.page_count))
    except EngineError:
        return 0
