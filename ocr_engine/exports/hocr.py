"""hOCR 1.2: XHTML in which classes and titles say what is where (http://kba.github.io/hocr-spec/1.2/)."""

from __future__ import annotations

from typing import BinaryIO

from ocr_engine.exports.page_text import (
    Box,
    DocumentInfo,
    PageText,
    TextLine,
    angle_deg,
    around,
    bounding_box,
    escaped,
    quarter_of,
)

_CAPABILITIES = "ocr_page ocr_carea ocr_par ocr_line ocrx_word ocrp_poly"
_HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN" \
"http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">
<html xmlns="http://www.w3.org/1999/xhtml">
<head>
<title>{title}</title>
<meta http-equiv="Content-Type" content="text/html; charset=utf-8"/>
<meta name="ocr-system" content="{engine}"/>
<meta name="ocr-capabilities" content="{capabilities}"/>
<meta name="ocr-number-of-pages" content="{page_count}"/>
</head>
<body>
"""


class Hocr:
    """One `ocr_page` a page. There is no layout analysis, so its lines are one area and one paragraph."""

    def __init__(self, file: BinaryIO, info: DocumentInfo) -> None:
        self._file = file
        self._filename = info.filename
        self._write(
            _HEAD.format(
                title=escaped(info.filename),
                engine=escaped(info.engine),
                capabilities=_CAPABILITIES,
                page_count=info.page_count,
            )
        )

    def add(self, page: PageText) -> None:
        image = escaped(self._filename.replace('"', "'"))
        title = f"image &quot;{image}&quot;; bbox 0 0 {page.width} {page.height}; ppageno {page.number - 1}"
        self._write(f'<div class="ocr_page" id="page_{page.number}" title="{title}">\n')
        if page.lines:
            box = _box(around(page.lines))
            self._write(f'<div class="ocr_carea" id="area_{page.number}_1" title="{box}">\n')
            self._write(f'<p class="ocr_par" id="par_{page.number}_1" title="{box}">\n')
            for number, line in enumerate(page.lines, start=1):
                self._write(_line(line, f"{page.number}_{number}"))
            self._write("</p>\n</div>\n")
        self._write("</div>\n")

    def finish(self) -> None:
        self._write("</body>\n</html>\n")

    def _write(self, text: str) -> None:
        self._file.write(text.encode())


def _line(line: TextLine, name: str) -> str:
    box = bounding_box(line.polygon)
    corners = " ".join(f"{round(x)} {round(y)}" for x, y in line.polygon)
    words = " ".join(
        f'<span class="ocrx_word" id="word_{name}_{number}" '
        f'title="{_box(bounding_box(word.quad))}; x_wconf {line.score * 100:.0f}">{escaped(word.text)}</span>'
        for number, word in enumerate(line.words, start=1)
    )
    title = f"{_box(box)}; {_slant(line, box)}; poly {corners}"
    return f'<span class="ocr_line" id="line_{name}" title="{title}">{words}</span>\n'


def _slant(line: TextLine, box: Box) -> str:
    """The baseline of a line that runs to the right, from the box's lower left corner; of another one its direction."""
    angle = angle_deg(line)
    if quarter_of(angle):
        return f"textangle {angle:.2f}"
    (x0, y0), (x1, y1) = line.baseline
    slope = (y1 - y0) / (x1 - x0) if x1 > x0 else 0.0
    return f"baseline {slope:.4f} {y0 + slope * (box[0] - x0) - box[3]:.1f}"


def _box(box: Box) -> str:
    return "bbox {} {} {} {}".format(*(max(side, 0) for side in box))
