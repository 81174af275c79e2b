"""Blocks of text on a sheet: paragraphs and tables."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from workers.demo.samples.faces import Colour, Style, text_width_pt
from workers.demo.samples.sheet import Align, Frame, Sheet

# A word or one Chinese character, with the signs that may not be parted from it and the space behind.
_UNBREAKABLE = re.compile(r"（?(?:[一-鿿]|[^\s一-鿿，。：；、（）]+)[，。：；、）]*\s*")


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of a table: where its text is anchored, in points from the table's left, and on which side."""

    anchor_pt: float
    align: Align = "left"


@dataclass(frozen=True, kw_only=True)
class TableLook:
    """How a table looks. Rows are row_pt high; every second row is shaded where a stripe is given."""

    head: Style
    body: Style
    row_pt: float
    rule: Colour
    head_fill: Colour | None = None
    stripe: Colour | None = None


def wrap(text: str, style: Style, width_pt: float) -> list[str]:
    """Break text into lines no wider than width_pt: between words, and between any two Chinese characters."""
    lines = [""]
    for piece in _UNBREAKABLE.findall(text):
        if text_width_pt((lines[-1] + piece).rstrip(), style) <= width_pt:
            lines[-1] += piece
        else:
            lines.append(piece)
    return [line.rstrip() for line in lines]


def paragraph(sheet: Sheet, text: str, frame: Frame, style: Style, *, justified: bool = True) -> float:
    """Set a paragraph from a first baseline; return the baseline that would follow, in points."""
    baseline = frame.top_pt
    lines = wrap(text, style, frame.width_pt)
    for number, line in enumerate(lines, start=1):
        row = Frame(left_pt=frame.left_pt, top_pt=baseline, width_pt=frame.width_pt)
        if justified and number < len(lines):
            sheet.write_justified(line, row, style)
        else:
            sheet.write(line, (row.left_pt, row.top_pt), style)
        baseline += style.step_pt
    return baseline


def table(
    sheet: Sheet, rows: Sequence[Sequence[str]], columns: Sequence[Column], frame: Frame, look: TableLook
) -> float:
    """Set a table from its top edge, the first row being its head; return its bottom edge in points."""
    right = frame.left_pt + frame.width_pt
    for number, row in enumerate(rows):
        top = frame.top_pt + number * look.row_pt
        fill = look.head_fill if number == 0 else look.stripe if number % 2 == 0 else None
        if fill is not None:
            sheet.box((frame.left_pt, top), (right, top + look.row_pt), fill)
        style = look.head if number == 0 else look.body
        # 0.36 sizes below the middle puts capitals in the middle of the row.
        baseline = top + look.row_pt / 2 + 0.36 * style.size_pt
        for text, column in zip(row, columns, strict=True):
            if text:
                sheet.write(text, (frame.left_pt + column.anchor_pt, baseline), style, column.align)
    for number in (0, 1, len(rows)):
        top = frame.top_pt + number * look.row_pt
        edge = Frame(left_pt=frame.left_pt, top_pt=top, width_pt=frame.width_pt)
        sheet.rule(edge, look.rule, 0.5 if number == 1 else 1.0)
    return frame.top_pt + len(rows) * look.row_pt
