"""The sample report.pdf: three pages born digital, with columns, tables and a chart."""

from workers.demo.samples import report_copy as copy
from workers.demo.samples.faces import SANS, SANS_BOLD, SERIF, SERIF_ITALIC, Style
from workers.demo.samples.pymupdf_sheet import A4_PT, PdfBook, PdfSheet
from workers.demo.samples.sample import Sample
from workers.demo.samples.sheet import Frame, Sheet
from workers.demo.samples.typesetting import Column, TableLook, paragraph, table

_GREEN = (22, 84, 66)
_LEAF = (62, 142, 104)
_MIST = (235, 243, 238)
_GREY = (104, 110, 112)

_TITLE = Style(face=SANS_BOLD, size_pt=31, ink=_GREEN)
_SUBTITLE = Style(face=SANS, size_pt=14, ink=(52, 60, 60))
_HEADING = Style(face=SANS_BOLD, size_pt=13.5, ink=_GREEN)
_BODY = Style(face=SERIF, size_pt=11)
_NARROW = Style(face=SERIF, size_pt=11, leading=1.36)
_BYLINE = Style(face=SERIF_ITALIC, size_pt=12, ink=_GREY)
_CAPTION = Style(face=SERIF_ITALIC, size_pt=10.2, ink=_GREY)
_LABEL = Style(face=SANS, size_pt=10, ink=(52, 60, 60))
_LABEL_BOLD = Style(face=SANS_BOLD, size_pt=10, ink=_GREEN)
_SMALL = Style(face=SANS, size_pt=9, ink=_GREY)
_LOOK = TableLook(
    head=Style(face=SANS_BOLD, size_pt=9.8, ink=(255, 255, 255)),
    body=Style(face=SANS, size_pt=9.8),
    row_pt=19,
    rule=_GREEN,
    head_fill=_GREEN,
    stripe=_MIST,
)

_LEFT = 62.0
_WIDTH = A4_PT[0] - 2 * _LEFT
_GUTTER = 26.0
_COLUMN = (_WIDTH - _GUTTER) / 2


def draw_report() -> Sample:
    """Draw the report. One PDF of three A4 pages."""
    book = PdfBook(title=copy.TITLE, author=copy.AUTHORS, page_count=3)
    sheets = book.sheets
    _first_page(sheets[0])
    _second_page(sheets[1])
    _third_page(sheets[2])
    for number, sheet in enumerate(sheets, start=1):
        _footer(sheet, number, len(sheets))
    return Sample(
        name="report.pdf",
        media_type="application/pdf",
        data=book.finish(),
        pages=tuple(sheet.page() for sheet in sheets),
    )


def _first_page(sheet: PdfSheet) -> None:
    sheet.box((0, 0), (sheet.width_pt, 14), _GREEN)
    sheet.write(copy.SERIES, (_LEFT, 58), _LABEL_BOLD)
    sheet.write(copy.NUMBER, (_LEFT + _WIDTH, 58), _LABEL, "right")
    sheet.rule(Frame(left_pt=_LEFT, top_pt=67, width_pt=_WIDTH), _LEAF, 0.8)
    sheet.write(copy.TITLE, (_LEFT, 116), _TITLE)
    sheet.write(copy.SUBTITLE, (_LEFT, 140), _SUBTITLE)
    sheet.write(copy.AUTHORS, (_LEFT, 163), _BYLINE)
    _summary(sheet, 184)
    baseline = _section(sheet, "1  Background", copy.BACKGROUND, _frame(_LEFT, 322, _WIDTH), _BODY)
    sheet.write("Study streets", (_LEFT, baseline + 14), _HEADING)
    columns = (
        Column(anchor_pt=10),
        Column(anchor_pt=200, align="right"),
        Column(anchor_pt=268, align="right"),
        Column(anchor_pt=366, align="right"),
        Column(anchor_pt=_WIDTH - 10, align="right"),
    )
    bottom = table(sheet, copy.STREETS, columns, _frame(_LEFT, baseline + 28, _WIDTH), _LOOK)
    sheet.write(copy.STREETS_CAPTION, (_LEFT, bottom + 17), _CAPTION)
    paragraph(sheet, copy.STREETS_NOTE, _frame(_LEFT, bottom + 42, _WIDTH), _BODY)


def _summary(sheet: Sheet, top: float) -> None:
    sheet.box((_LEFT, top), (_LEFT + _WIDTH, top + 100), _MIST)
    sheet.box((_LEFT, top), (_LEFT + 4, top + 100), _LEAF)
    sheet.write("Summary", (_LEFT + 20, top + 23), _HEADING)
    paragraph(sheet, copy.SUMMARY, _frame(_LEFT + 20, top + 42, _WIDTH - 40), _BODY)


def _second_page(sheet: PdfSheet) -> None:
    _running_head(sheet)
    right = _LEFT + _COLUMN + _GUTTER
    baseline = _section(sheet, "2  Method", copy.METHOD, _frame(_LEFT, 88, _COLUMN), _NARROW)
    baseline = _section(sheet, "3  Quality", copy.QUALITY, _frame(_LEFT, baseline + 14, _COLUMN), _NARROW)
    _section(sheet, "4  Findings", copy.FINDINGS[:1], _frame(_LEFT, baseline + 14, _COLUMN), _NARROW)
    baseline = 90.0
    for text in copy.FINDINGS[1:]:
        baseline = paragraph(sheet, text, _frame(right, baseline, _COLUMN), _NARROW) + 5
    _section(sheet, "5  Comfort", copy.COMFORT, _frame(right, baseline + 14, _COLUMN), _NARROW)


def _third_page(sheet: PdfSheet) -> None:
    _running_head(sheet)
    sheet.write("6  Cooling by kind of tree", (_LEFT, 88), _HEADING)
    baseline = paragraph(sheet, copy.COOLING, _frame(_LEFT, 108, _WIDTH), _BODY)
    _chart(sheet, _frame(_LEFT, baseline + 6, _WIDTH), 178)
    sheet.write(copy.BARS_CAPTION, (_LEFT, baseline + 220), _CAPTION)
    sheet.write("7  Costs", (_LEFT, baseline + 252), _HEADING)
    baseline = paragraph(sheet, copy.COSTS_PROSE, _frame(_LEFT, baseline + 272, _WIDTH), _BODY)
    columns = (
        Column(anchor_pt=10),
        Column(anchor_pt=236, align="right"),
        Column(anchor_pt=340, align="right"),
        Column(anchor_pt=_WIDTH - 10, align="right"),
    )
    bottom = table(sheet, copy.COSTS, columns, _frame(_LEFT, baseline + 2, _WIDTH), _LOOK)
    sheet.write(copy.COSTS_CAPTION, (_LEFT, bottom + 17), _CAPTION)
    sheet.write("8  Recommendations", (_LEFT, bottom + 50), _HEADING)
    baseline = bottom + 70
    for text in copy.ADVICE:
        baseline = paragraph(sheet, text, _frame(_LEFT, baseline, _WIDTH), _BODY, justified=False) + 3
    paragraph(sheet, copy.CLOSING, _frame(_LEFT, baseline + 8, _WIDTH), _BODY)


def _chart(sheet: Sheet, frame: Frame, height_pt: float) -> None:
    """Draw upright bars with their values on top, names below and a scale at the left."""
    left, floor = frame.left_pt + 42, frame.top_pt + height_pt
    right, unit = frame.left_pt + frame.width_pt, (height_pt - 30) / 4
    sheet.write(copy.BARS_AXIS, (frame.left_pt, frame.top_pt + 10), _LABEL)
    for degrees in range(5):
        height = floor - degrees * unit
        sheet.rule(_frame(left, height, right - left), _GREY if degrees == 0 else (214, 220, 218))
        sheet.write(f"{degrees}.0", (left - 10, height + 3.4), _LABEL, "right")
    pitch = (right - left) / len(copy.BARS)
    for number, (name, degrees_cooler) in enumerate(copy.BARS):
        middle = left + (number + 0.5) * pitch
        top = floor - degrees_cooler * unit
        sheet.box((middle - 20, top), (middle + 20, floor), _LEAF)
        sheet.write(f"{degrees_cooler:.1f}", (middle, top - 6), _LABEL_BOLD, "centre")
        sheet.write(name, (middle, floor + 16), _LABEL, "centre")


def _section(sheet: Sheet, heading: str, paragraphs: tuple[str, ...], frame: Frame, style: Style) -> float:
    sheet.write(heading, (frame.left_pt, frame.top_pt), _HEADING)
    baseline = frame.top_pt + 20
    for text in paragraphs:
        baseline = paragraph(sheet, text, _frame(frame.left_pt, baseline, frame.width_pt), style) + 5
    return baseline


def _running_head(sheet: Sheet) -> None:
    sheet.write(copy.SERIES, (_LEFT, 46), _SMALL)
    sheet.write(copy.TITLE, (_LEFT + _WIDTH, 46), _SMALL, "right")
    sheet.rule(_frame(_LEFT, 54, _WIDTH), _LEAF, 0.8)


def _footer(sheet: Sheet, number: int, total: int) -> None:
    sheet.rule(_frame(_LEFT, 790, _WIDTH), (200, 208, 205))
    sheet.write("Alder Falls Climate Office, 4 River Walk", (_LEFT, 806), _SMALL)
    sheet.write(f"Page {number} of {total}", (_LEFT + _WIDTH, 806), _SMALL, "right")


def _frame(left: float, top: float, width: float) -> Frame:
    return Frame(left_pt=left, top_pt=top, width_pt=width)
