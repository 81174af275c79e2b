"""The sheet that samples are set on: it places text and remembers what was written where."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from workers.demo.samples.faces import Colour, Style, ink_box, text_width_pt
from workers.demo.samples.sample import SampleLine, SamplePage

Align = Literal["left", "centre", "right"]
Point = tuple[float, float]  # x, y in points from the sheet's top-left

_SHARE_LEFT_OF_ANCHOR: dict[Align, float] = {"left": 0.0, "centre": 0.5, "right": 1.0}


@dataclass(frozen=True, kw_only=True)
class Frame:
    """Where a block of text goes: left edge, first baseline (or top), width; in points."""

    left_pt: float
    top_pt: float
    width_pt: float


class Sheet(ABC):
    """One page being set. All measures in points; the truth it keeps is in pixels of the finished page."""

    def __init__(self, *, width_pt: float, height_pt: float, pixels_per_pt: float) -> None:
        self.width_pt = width_pt
        self.height_pt = height_pt
        self.pixels_per_pt = pixels_per_pt
        self._lines: list[SampleLine] = []

    @abstractmethod
    def ink_text(self, text: str, pen: Point, style: Style) -> None:
        """Draw text from a pen position on the baseline, without remembering it."""

    @abstractmethod
    def path(self, points: Sequence[Point], width_pt: float, ink: Colour) -> None:
        """Draw an open line through points."""

    @abstractmethod
    def area(self, points: Sequence[Point], fill: Colour) -> None:
        """Fill a polygon."""

    def box(self, top_left: Point, bottom_right: Point, fill: Colour) -> None:
        """Fill a rectangle."""
        (left, top), (right, bottom) = top_left, bottom_right
        self.area([(left, top), (right, top), (right, bottom), (left, bottom)], fill)

    def rule(self, frame: Frame, ink: Colour, width_pt: float = 0.6) -> None:
        """Draw a horizontal rule along a frame's top."""
        end = (frame.left_pt + frame.width_pt, frame.top_pt)
        self.path([(frame.left_pt, frame.top_pt), end], width_pt, ink)

    def write(self, text: str, anchor: Point, style: Style, align: Align = "left") -> None:
        """Draw one line of text at an anchor on its baseline, and remember it."""
        left = anchor[0] - text_width_pt(text, style) * _SHARE_LEFT_OF_ANCHOR[align]
        self.ink_text(text, (left, anchor[1]), style)
        self._remember(text, (left, anchor[1]), style)

    def write_justified(self, text: str, frame: Frame, style: Style) -> None:
        """Draw one line with its word spaces stretched to a frame's width, and remember it as one line."""
        words = text.split(" ")
        slack = frame.width_pt - text_width_pt(text, style)
        gap = text_width_pt(" ", style) + slack / max(1, len(words) - 1)
        left = frame.left_pt
        for word in words:
            self.ink_text(word, (left, frame.top_pt), style)
            left += text_width_pt(word, style) + gap
        self._remember(text, (frame.left_pt, frame.top_pt), style, slack_pt=slack)

    def page(self) -> SamplePage:
        """Return the page's size in pixels with all lines written so far, in order of writing."""
        return SamplePage(
            width=round(self.width_pt * self.pixels_per_pt),
            height=round(self.height_pt * self.pixels_per_pt),
            lines=tuple(self._lines),
        )

    def _remember(self, text: str, pen: Point, style: Style, slack_pt: float = 0.0) -> None:
        box, scale = ink_box(text, style), self.pixels_per_pt
        left, right = (pen[0] + box.left_pt) * scale, (pen[0] + box.right_pt + slack_pt) * scale
        top, bottom = (pen[1] + box.top_pt) * scale, (pen[1] + box.bottom_pt) * scale
        polygon = ((left, top), (right, top), (right, bottom), (left, bottom))
        self._lines.append(SampleLine(text=text, polygon=polygon))
