"""Searchable PDFs: the page as it was, and text that other programs find where it stands."""

from __future__ import annotations

import errno
import io
import re
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pymupdf
import pytest
from PIL import Image

from ocr_engine.exports import PageText
from tests.unit.engine.exporting import (
    HEIGHT,
    TEXTS,
    WIDTH,
    blank,
    line,
    page_of,
    paragraph,
    pdf_of,
    read_by_mupdf,
    read_by_pdfium,
    read_by_poppler,
    word_boxes,
    words_of,
)

# Any: the library is not annotated.
_mupdf: Any = pymupdf

LATIN = ("The quick brown fox, 2 x 1.35", "Kingsport, VAT number 38 274 916")


@pytest.mark.parametrize("angle_deg", [0, -1, 1, 2.5, -3, 90, -90, 30])
def test_mupdf_finds_each_line_as_it_was_read(angle_deg: float) -> None:
    assert read_by_mupdf(pdf_of(blank(), paragraph(angle_deg))) == [list(TEXTS)]


@pytest.mark.parametrize(("angle_deg", "texts"), [(0, TEXTS), (1, TEXTS), (-1, TEXTS), (3, LATIN), (90, TEXTS)])
def test_poppler_finds_every_word_whole(angle_deg: float, texts: tuple[str, ...], tmp_path: Path) -> None:
    page = paragraph(angle_deg, texts)
    assert read_by_poppler(pdf_of(blank(), page), tmp_path) == [words_of(page)]


@pytest.mark.parametrize("angle_deg", [0, 1, -3, 30, 90, -90])
def test_pdfium_finds_every_word_whole(angle_deg: float) -> None:
    """Chrome's reader, which drops turned text whose glyphs have no extent."""
    page = paragraph(angle_deg)
    assert read_by_pdfium(pdf_of(blank(), page)) == [words_of(page)]


@pytest.mark.parametrize("angle_deg", [0, 2, -3, 30, 90, 180, 270])
def test_each_word_is_selected_inside_the_polygon_of_its_line(angle_deg: float) -> None:
    page = page_of(line("quick brown fox", angle_deg=angle_deg, left=600, top=800))
    found = word_boxes(pdf_of(blank(), page), page)
    outline = np.array(page.lines[0].polygon, dtype=np.float32)
    assert set(found) == {"quick", "brown", "fox"}
    for word in page.lines[0].words:
        x0, y0, x1, y1 = found[word.text]
        middle = np.mean(word.quad, axis=0)
        # A box of an upright reader is larger than slanted text: its middle is what must be right.
        assert ((x0 + x1) / 2, (y0 + y1) / 2) == pytest.approx(tuple(middle), abs=9)
        assert cv2.pointPolygonTest(outline, ((x0 + x1) / 2, (y0 + y1) / 2), False) > 0
        if angle_deg % 90 == 0 or abs(angle_deg) <= 3:
            corners = [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]
            assert min(cv2.pointPolygonTest(outline, corner, True) for corner in corners) > -2


def test_the_text_is_there_and_nothing_of_it_is_seen() -> None:
    data = blank(grey=200)
    with _mupdf.open(stream=pdf_of(data, paragraph()), filetype="pdf") as opened:
        picture = opened[0].get_pixmap()
        assert set(picture.samples) == {200}
        assert [font[3] for font in opened[0].get_fonts()] == ["OCRFleetText"]


def test_a_jpeg_is_kept_byte_for_byte_and_a_scan_in_black_and_white_stays_small() -> None:
    jpeg = blank(".jpg")
    assert jpeg in pdf_of(jpeg, paragraph())
    scan = np.full((HEIGHT, WIDTH, 3), 255, dtype=np.uint8)
    cv2.putText(scan, "scan", (100, 300), cv2.FONT_HERSHEY_SIMPLEX, 4, (0, 0, 0), 9, cv2.LINE_8)
    data = cv2.imencode(".png", scan)[1].tobytes()
    made = pdf_of(data, paragraph())
    assert len(made) < 12_000
    with _mupdf.open(stream=made, filetype="pdf") as opened:
        (image,) = opened[0].get_images()
        assert image[2:5] == (WIDTH, HEIGHT, 1)
        pixels = np.frombuffer(_mupdf.Pixmap(opened, image[0]).samples, dtype=np.uint8).reshape(HEIGHT, WIDTH)
    assert (pixels == scan[:, :, 0]).all()


def test_a_jpeg_that_is_turned_by_its_exif_is_shown_upright() -> None:
    buffer, turned = io.BytesIO(), Image.Exif()
    turned[0x0112] = 6
    Image.new("RGB", (HEIGHT, WIDTH), "white").save(buffer, format="JPEG", exif=turned)
    with _mupdf.open(stream=pdf_of(buffer.getvalue(), paragraph()), filetype="pdf") as opened:
        assert opened[0].rect.height > opened[0].rect.width
        assert opened[0].get_images()[0][2:4] == (WIDTH, HEIGHT)


def test_every_frame_of_a_tiff_is_a_page_and_one_that_failed_is_blank() -> None:
    frames = [Image.new("L", (WIDTH, HEIGHT), 255 - number) for number in range(3)]
    buffer = io.BytesIO()
    frames[0].save(buffer, format="TIFF", save_all=True, append_images=frames[1:])
    pages = [paragraph(), PageText(number=2), page_of(line("third"), number=3)]
    assert read_by_mupdf(pdf_of(buffer.getvalue(), *pages)) == [list(TEXTS), [], ["third"]]


def source_pdf(*, text: str = "", rotation: int = 0, crop: bool = False) -> bytes:
    with _mupdf.open() as made:
        page = made.new_page(width=WIDTH / 2, height=HEIGHT / 2)
        page.draw_rect(_mupdf.Rect(100, 200, 300, 220), color=(0, 0, 0), fill=(0, 0, 0))
        if text:
            page.insert_text((100, 165), text, fontsize=15)
        if crop:
            page.set_cropbox(_mupdf.Rect(40, 60, WIDTH / 2 - 10, HEIGHT / 2 - 20))
        page.set_rotation(rotation)
        return bytes(made.tobytes())


def rendered(pdf: bytes, index: int = 0) -> np.ndarray[Any, np.dtype[np.uint8]]:
    with _mupdf.open(stream=pdf, filetype="pdf") as opened:
        picture = opened[index].get_pixmap(matrix=_mupdf.Matrix(2, 2))
        return np.frombuffer(picture.samples, dtype=np.uint8).reshape(picture.height, picture.width, -1)


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
@pytest.mark.parametrize("crop", [False, True])
def test_a_page_of_a_pdf_looks_as_before_and_has_its_text_where_it_is_seen(rotation: int, crop: bool) -> None:
    data = source_pdf(rotation=rotation, crop=crop)
    before = rendered(data)
    lines = (line("here", left=300, top=400), line("second", left=300, top=700))
    page = PageText(number=1, width=before.shape[1], height=before.shape[0], lines=lines)
    made = pdf_of(data, page)
    assert (rendered(made) == before).all()
    assert word_boxes(made, page)["here"] == pytest.approx((300, 400, 360, 430), abs=2)


def test_a_line_that_the_page_says_itself_is_not_said_twice() -> None:
    page = page_of(line("already here", left=200, top=300), line("only seen", left=200, top=1200))
    assert read_by_mupdf(pdf_of(source_pdf(text="already here"), page)) == [["already here", "only seen"]]


def test_resources_that_pages_inherit_or_share_are_kept() -> None:
    with _mupdf.open() as made:
        for _ in range(2):
            made.new_page(width=WIDTH / 2, height=HEIGHT / 2).insert_text((300, 600), "typed", fontsize=20)
        tree = int(made.xref_get_key(made[0].xref, "Parent")[1].split()[0])
        resources = made.xref_get_key(made[0].xref, "Resources")[1]
        for page in made:
            made.xref_set_key(page.xref, "Resources", "null")
        made.xref_set_key(tree, "Resources", resources)
        data = bytes(made.tobytes())
    before = [rendered(data, index) for index in range(2)]
    pdf = pdf_of(data, page_of(line("first")), page_of(line("second"), number=2))
    assert read_by_mupdf(pdf) == [["typed", "first"], ["typed", "second"]]
    assert all((rendered(pdf, index) == before[index]).all() for index in range(2))


def test_a_pdf_with_a_broken_table_of_objects_is_repaired_first() -> None:
    """Found by spoiling documents at random: MuPDF repaired it meanwhile, and forgot the numbers that it had given."""
    data = source_pdf(text="typed")
    table = re.search(rb"xref\n0 (\d+)\n", data)
    assert table
    for number in range(1, int(table[1])):
        row = table.end() + 20 * number
        broken = data[:row] + b"%010d" % (int(data[row : row + 10]) + 5) + data[row + 10 :]
        assert read_by_mupdf(pdf_of(broken, page_of(line("read", top=900)))) == [["typed", "read"]]


class FullDisk(io.BytesIO):
    """Takes nothing."""

    def write(self, data: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("data", [source_pdf(), blank()], ids=["of a PDF", "of a picture"])
def test_a_full_disk_is_an_error_of_the_disk_and_not_of_the_document(data: bytes) -> None:
    with pytest.raises(OSError, match="No space left"):
        pdf_of(data, page_of(line("x")), file=FullDisk())


def test_only_the_pages_that_were_read_are_kept() -> None:
    with _mupdf.open() as made:
        for number in range(5):
            made.new_page(width=WIDTH / 2, height=HEIGHT / 2).insert_text((300, 600), f"p{number + 1}", fontsize=20)
        data = bytes(made.tobytes())
    pdf = pdf_of(data, page_of(line("x"), number=2), page_of(line("y"), number=5))
    assert read_by_mupdf(pdf) == [["p2", "x"], ["p5", "y"]]
