"""The sample documents of the demo: drawn when asked for, the same bytes every time, with their true text."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from workers.demo.samples.letter import draw_letter
from workers.demo.samples.notice import draw_notice
from workers.demo.samples.receipt import draw_receipt
from workers.demo.samples.report import draw_report
from workers.demo.samples.sample import Sample, SampleLine, SamplePage

__all__ = ["SAMPLE_NAMES", "Sample", "SampleLine", "SamplePage", "draw", "sample_documents"]

_DRAWERS: Mapping[str, Callable[[], Sample]] = MappingProxyType(
    {
        "report.pdf": draw_report,
        "receipt.jpg": draw_receipt,
        "notice.png": draw_notice,
        "scan-rotated.jpg": draw_letter,
    }
)

SAMPLE_NAMES: tuple[str, ...] = tuple(_DRAWERS)
"""The names that draw() knows, in order of showing."""


def sample_documents() -> tuple[Sample, ...]:
    """Draw all samples, in order of showing. Takes two or three seconds; use one thread only (PyMuPDF)."""
    return tuple(drawer() for drawer in _DRAWERS.values())


def draw(name: str) -> Sample:
    """Draw one sample.

    Raises: KeyError, saying the names there are, when there is no such sample.
    """
    if name not in _DRAWERS:
        raise KeyError(f"no sample is called {name!r}; choose one of {', '.join(SAMPLE_NAMES)}")
    return _DRAWERS[name]()
