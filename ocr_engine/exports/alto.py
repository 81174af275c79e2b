"""ALTO 4: the Library of Congress's XML for text and its places (https://www.loc.gov/standards/alto/)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import BinaryIO

from ocr_engine.exports.page_text import (
    DocumentInfo,
    PageText,
    TextLine,
    angle_deg,
    around,
    bounding_box,
    escaped,
    quarter_of,
)

# Written for 4.3 with nothing that 4.2 lacks.
_NAMESPACE = "http://www.loc.gov/standards/alto/ns-v4#"
_SCHEMA = "http://www.loc.gov/standards/alto/v4/alto-4-3.xsd"
_HEAD = f"""<?xml version="1.0" encoding="UTF-8"?>
<alto xmlns="{_NAMESPACE}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" \
xsi:schemaLocation="{_NAMESPACE} {_SCHEMA}" SCHEMAVERSION="4.3">
<Description>
<MeasurementUnit>pixel</MeasurementUnit>
<sourceImageInformation><fileName>{{filename}}</fileName></sourceImageInformation>
<Processing ID="ocr"><processingCategory>contentGeneration</processingCategory>\
<processingSoftware><softwareName>{{engine}}</softwareName></processingSoftware></Processing>
</Description>
<Layout>
"""


class Alto:
    """One `Page` a page. Lines that run the same way, one after the other, are a block with its `ROTATION`."""

    def __init__(self, file: BinaryIO, info: DocumentInfo) -> None:
        self._file = file
        self._write(_HEAD.format(filename=escaped(info.filename), engine=escaped(info.engine)))

    def add(self, page: PageText) -> None:
        number = page.number
        size = f'WIDTH="{page.width}" HEIGHT="{page.height}"'
        self._write(f'<Page ID="page_{number}" PHYSICAL_IMG_NR="{number}" {size} PROCESSINGREFS="ocr">\n')
        self._write(f'<PrintSpace HPOS="0" VPOS="0" {size}>\n')
        numbered = enumerate(page.lines, start=1)
        for block, (quarter, members) in enumerate(groupby(numbered, key=lambda one: _quarter(one[1])), start=1):
            lines = list(members)
            place = _place(around([line for _, line in lines]))
            turn = f' ROTATION="{quarter}"' if quarter else ""
            self._write(f'<TextBlock ID="block_{number}_{block}" {place}{turn}>\n')
            for line_number, line in lines:
                self._write(_line(line, f"{number}_{line_number}"))
            self._write("</TextBlock>\n")
        self._write("</PrintSpace>\n</Page>\n")

    def finish(self) -> None:
        self._write("</Layout>\n</alto>\n")

    def _write(self, text: str) -> None:
        self._file.write(text.encode())


def _line(line: TextLine, name: str) -> str:
    words = "<SP/>".join(
        f'<String ID="string_{name}_{number}" CONTENT="{escaped(word.text)}" WC="{line.score:.4f}" '
        f"{_place(bounding_box(word.quad))}>{_shape(word.quad)}</String>"
        for number, word in enumerate(line.words, start=1)
    )
    head = f'ID="line_{name}" {_place(bounding_box(line.polygon))} BASELINE="{_points(line.baseline)}"'
    return f"<TextLine {head}>{_shape(line.polygon)}{words}</TextLine>\n"


def _quarter(line: TextLine) -> int:
    return quarter_of(angle_deg(line))


def _place(box: tuple[int, int, int, int]) -> str:
    left, top, right, bottom = box
    return f'HPOS="{left}" VPOS="{top}" WIDTH="{right - left}" HEIGHT="{bottom - top}"'


def _shape(corners: Sequence[tuple[float, float]]) -> str:
    return f'<Shape><Polygon POINTS="{_points(corners)}"/></Shape>'


def _points(corners: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:g},{y:g}" for x, y in corners)
