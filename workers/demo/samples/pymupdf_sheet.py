"""Sheets that become pages of a PDF with real text, drawn by PyMuPDF (which annotates few of its calls)."""

from collections.abc import Sequence

import pymupdf

from workers.demo.samples.faces import Colour, Style
from workers.demo.samples.sheet import Point, Sheet

# The engine looks at PDF pages at 144 dots per inch.
PIXELS_PER_PT = 2.0
A4_PT = (595.0, 842.0)


class PdfSheet(Sheet):
    """One page of a PdfBook. Text lies above all rules and areas, whatever the order of drawing."""

    def __init__(self, page: pymupdf.Page) -> None:
        super().__init__(width_pt=A4_PT[0], height_pt=A4_PT[1], pixels_per_pt=PIXELS_PER_PT)
        self._shape = page.new_shape()

    def ink_text(self, text: str, pen: Point, style: Style) -> None:
        self._shape.insert_text(pen, text, fontname=style.face, fontsize=style.size_pt, color=_shares(style.ink))

    def path(self, points: Sequence[Point], width_pt: float, ink: Colour) -> None:
        self._shape.draw_polyline(list(points))
        self._shape.finish(color=_shares(ink), width=width_pt, closePath=False)

    def area(self, points: Sequence[Point], fill: Colour) -> None:
        self._shape.draw_polyline(list(points))
        self._shape.finish(color=None, fill=_shares(fill))

    def commit(self) -> None:
        """Put everything drawn so far on the page."""
        self._shape.commit()


class PdfBook:
    """A PDF being made. Not safe to share between threads: PyMuPDF is not."""

    def __init__(self, *, title: str, author: str, page_count: int) -> None:
        self._document = pymupdf.open()
        # A fixed date, so that the same drawing gives the same bytes.
        date = "D:20250912090000Z"
        self._document.set_metadata({"title": title, "author": author, "creationDate": date, "modDate": date})
        for _ in range(page_count):
            self._document.new_page(width=A4_PT[0], height=A4_PT[1])
        # Opened after the last was added: PyMuPDF forgets its page objects when another page is added.
        self.sheets = tuple(PdfSheet(self._document[index]) for index in range(page_count))

    def finish(self) -> bytes:
        """Return the whole PDF, once; without the random file identifier that would differ every time."""
        for sheet in self.sheets:
            sheet.commit()
        return bytes(self._document.tobytes(garbage=3, deflate=True, no_new_id=True))


def _shares(colour: Colour) -> tuple[float, float, float]:
    red, green, blue = colour
    return red / 255, green / 255, blue / 255
