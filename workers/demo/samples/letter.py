"""The sample scan-rotated.jpg: a business letter that lay sideways and askew in the scanner."""

import numpy as np

from workers.demo.samples.faces import SANS, SERIF, SERIF_BOLD, Style
from workers.demo.samples.pillow_sheet import PictureSheet, jpeg_bytes
from workers.demo.samples.sample import Sample, SamplePage, warp_lines
from workers.demo.samples.scanner import quarter_turn, scan
from workers.demo.samples.sheet import Frame, Sheet
from workers.demo.samples.typesetting import Column, TableLook, paragraph, table

_SEED = 4180
_DPI = 200
_SKEW_DEG = 0.8
_WIDTH_PT, _HEIGHT_PT = 595.44, 842.04  # 1654 x 2339 pixels
_LEFT = 74.0
_WIDTH = _WIDTH_PT - 2 * _LEFT

_INK = (44, 44, 48)
_NAME = Style(face=SERIF_BOLD, size_pt=22, ink=_INK)
_SMALL = Style(face=SANS, size_pt=8.8, ink=_INK)
_BODY = Style(face=SERIF, size_pt=11.6, ink=_INK, leading=1.34)
_BOLD = Style(face=SERIF_BOLD, size_pt=11.6, ink=_INK)
_LOOK = TableLook(head=_BOLD, body=_BODY, row_pt=18, rule=_INK)

_OFFICE = ("Northgate Instruments", "52 Foundry Street", "Leeds LS9 4QT", "Phone 0113 496 2758")
_RECIPIENT = ("Ms Eleanor Whitfield", "Purchasing Department", "Castle Hill Laboratories", "York YK24 7BD")
_SUBJECT = "Calibration of your pressure gauges: offer and dates"
_OPENING = (
    "Thank you for your visit to our stand in Birmingham and for your enquiry of 28 August. We were "
    "pleased to hear that the gauges delivered in 2022 have served you without a fault, and we are glad "
    "to look after them for another term.",
    "Our engineers can calibrate the complete set at your site. The work takes two days and does not "
    "interrupt production, because each gauge is replaced by a tested spare while it is on the bench. "
    "The prices below include travel, certificates and new seals.",
)
_OFFER = (
    ("Service", "Quantity", "Price each", "Amount"),
    ("Gauge calibration with certificate", "36", "48.50", "1,746.00"),
    ("Replacement of worn seals", "36", "6.25", "225.00"),
    ("Loan of spare gauges, two days", "12", "15.00", "180.00"),
    ("Total in pounds, before tax", "", "", "2,151.00"),
)
_ENDING = (
    "We have kept 21 and 22 October free for you. If these dates suit your plans, please return the signed "
    "copy of this letter by the end of September; otherwise call us and we will find another week before "
    "the winter stop. The offer stays open until 15 November 2025.",
    "Should you wish to extend the agreement to the new hall, we would be happy to survey it on the same "
    "journey and without further charge.",
)
_SIGNED = ("Jonathan Mercer", "Head of Customer Service")
_FOOTER = "Registered in England 4829 617    VAT GB 273 946 518    www.northgate.example"


def draw_letter() -> Sample:
    """Draw the letter and scan it: a grey JPEG of 200 dpi, to be turned by 90 degrees for reading."""
    rng = np.random.default_rng(_SEED)
    front = _letter()
    upright, skew = scan(front.picture(), _back().picture(), skew_deg=_SKEW_DEG, rng=rng)
    stored, turn = quarter_turn(upright)
    height, width = stored.shape
    lines = warp_lines(front.page().lines, turn @ skew)
    return Sample(
        name="scan-rotated.jpg",
        media_type="image/jpeg",
        data=jpeg_bytes(stored, quality=82, dpi=_DPI),
        pages=(SamplePage(width=width, height=height, lines=lines),),
    )


def _letter() -> PictureSheet:
    sheet = PictureSheet(width_pt=_WIDTH_PT, height_pt=_HEIGHT_PT, pixels_per_pt=_DPI / 72)
    _letterhead(sheet)
    for number, text in enumerate(_RECIPIENT):
        sheet.write(text, (_LEFT, 168 + number * _BODY.step_pt), _BODY)
    right = _LEFT + _WIDTH
    sheet.write("12 September 2025", (right, 168), _BODY, "right")
    sheet.write("Our reference: NG 2025 418", (right, 168 + _BODY.step_pt), _BODY, "right")
    sheet.write(_SUBJECT, (_LEFT, 264), _BOLD)
    sheet.write("Dear Ms Whitfield,", (_LEFT, 292), _BODY)
    baseline = _prose(sheet, _OPENING, 314)
    bottom = _offer(sheet, baseline)
    baseline = _prose(sheet, _ENDING, bottom + 24)
    sheet.write("Yours sincerely,", (_LEFT, baseline + 6), _BODY)
    _signature(sheet, (_LEFT + 4, baseline + 36))
    for number, text in enumerate(_SIGNED):
        sheet.write(text, (_LEFT, baseline + 70 + number * _BODY.step_pt), _BODY)
    sheet.rule(Frame(left_pt=_LEFT, top_pt=792, width_pt=_WIDTH), _INK, 0.5)
    sheet.write(_FOOTER, (_WIDTH_PT / 2, 806), _SMALL, "centre")
    return sheet


def _letterhead(sheet: Sheet) -> None:
    sheet.area([(_LEFT, 86), (_LEFT + 17, 48), (_LEFT + 34, 86), (_LEFT + 17, 75)], _INK)
    sheet.write(_OFFICE[0], (_LEFT + 46, 80), _NAME)
    for number, text in enumerate(_OFFICE[1:]):
        sheet.write(text, (_LEFT + _WIDTH, 58 + 12 * number), _SMALL, "right")
    sheet.rule(Frame(left_pt=_LEFT, top_pt=98, width_pt=_WIDTH), _INK, 1.2)


def _prose(sheet: Sheet, paragraphs: tuple[str, ...], baseline: float) -> float:
    for text in paragraphs:
        frame = Frame(left_pt=_LEFT, top_pt=baseline, width_pt=_WIDTH)
        baseline = paragraph(sheet, text, frame, _BODY, justified=False) + 6
    return baseline


def _offer(sheet: Sheet, baseline: float) -> float:
    columns = (
        Column(anchor_pt=4),
        Column(anchor_pt=270, align="right"),
        Column(anchor_pt=356, align="right"),
        Column(anchor_pt=_WIDTH - 4, align="right"),
    )
    return table(sheet, _OFFER, columns, Frame(left_pt=_LEFT, top_pt=baseline - 8, width_pt=_WIDTH), _LOOK)


def _signature(sheet: Sheet, start: tuple[float, float]) -> None:
    """Draw a quick stroke of the pen: loops that get flatter towards the end."""
    turn = np.linspace(0, 1, 160)
    across = 104 * turn + 9 * np.sin(2 * np.pi * 5.5 * turn)
    height = (17 * np.exp(-2.6 * turn) + 1.5) * np.cos(2 * np.pi * 5.5 * turn + 0.4) - 7 * turn
    points = [(start[0] + float(x), start[1] - float(y)) for x, y in zip(across, height, strict=True)]
    sheet.path(points, 0.9, _INK)


def _back() -> PictureSheet:
    """Set the back of the paper, which only shines through: its text is not part of the truth."""
    sheet = PictureSheet(width_pt=_WIDTH_PT, height_pt=_HEIGHT_PT, pixels_per_pt=_DPI / 72)
    _prose(sheet, (_OPENING + _ENDING) * 3, 90)
    return sheet
