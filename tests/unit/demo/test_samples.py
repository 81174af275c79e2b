"""The sample documents: what they are, and that their truth lies where their text does."""

import io
import time

import cv2
import numpy as np
import pymupdf
import pytest
from numpy.typing import NDArray
from PIL import Image

from workers.demo.samples import SAMPLE_NAMES, Sample, SampleLine, SamplePage, draw, sample_documents

_MAX_BYTES = 1_500_000
_MAX_DRAWING_CPU_S = 5.0
_PDF_DPI = 144


@pytest.fixture(scope="module")
def samples() -> dict[str, Sample]:
    return {sample.name: sample for sample in sample_documents()}


def test_samples_come_in_order_of_showing(samples: dict[str, Sample]) -> None:
    assert tuple(samples) == SAMPLE_NAMES == ("report.pdf", "receipt.jpg", "notice.png", "scan-rotated.jpg")


@pytest.mark.parametrize("name", SAMPLE_NAMES)
def test_a_sample_has_the_same_bytes_and_truth_every_time(name: str, samples: dict[str, Sample]) -> None:
    assert draw(name) == samples[name]


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(KeyError, match=r"report\.pdf, receipt\.jpg"):
        draw("contract.doc")


@pytest.mark.parametrize(
    ("name", "media_type", "start"),
    [
        ("report.pdf", "application/pdf", b"%PDF-"),
        ("receipt.jpg", "image/jpeg", b"\xff\xd8\xff"),
        ("notice.png", "image/png", b"\x89PNG\r\n\x1a\n"),
        ("scan-rotated.jpg", "image/jpeg", b"\xff\xd8\xff"),
    ],
)
def test_the_content_is_of_the_stated_kind(
    name: str, media_type: str, start: bytes, samples: dict[str, Sample]
) -> None:
    assert samples[name].media_type == media_type
    assert samples[name].data.startswith(start)


def test_the_scan_is_grey_and_the_photograph_is_in_colour(samples: dict[str, Sample]) -> None:
    assert Image.open(io.BytesIO(samples["scan-rotated.jpg"].data)).mode == "L"
    assert Image.open(io.BytesIO(samples["receipt.jpg"].data)).mode == "RGB"


def test_the_report_has_three_pages_and_the_others_one(samples: dict[str, Sample]) -> None:
    assert [len(sample.pages) for sample in samples.values()] == [3, 1, 1, 1]


@pytest.mark.parametrize("name", SAMPLE_NAMES)
def test_pages_have_the_size_they_state(name: str, samples: dict[str, Sample]) -> None:
    stated = [(page.height, page.width) for page in samples[name].pages]
    assert [picture.shape for picture in _pictures(samples[name])] == stated


@pytest.mark.parametrize("name", SAMPLE_NAMES)
def test_every_line_lies_inside_its_page(name: str, samples: dict[str, Sample]) -> None:
    for page in samples[name].pages:
        corners = _corners(page)
        assert (corners >= 0).all()
        assert (corners <= (page.width, page.height)).all()


@pytest.mark.parametrize("name", SAMPLE_NAMES)
def test_every_polygon_covers_ink(name: str, samples: dict[str, Sample]) -> None:
    for page, picture in zip(samples[name].pages, _pictures(samples[name]), strict=True):
        for line in page.lines:
            inside = picture[_mask(line, picture) > 0].astype(np.float64)
            assert np.percentile(inside, 98) - np.percentile(inside, 2) > 50, line.text


@pytest.mark.parametrize("name", SAMPLE_NAMES)
def test_no_two_lines_of_a_page_lie_on_each_other(name: str, samples: dict[str, Sample]) -> None:
    for page in samples[name].pages:
        covered = np.zeros((page.height, page.width), np.uint8)
        for line in page.lines:
            covered += _mask(line, covered)
        assert (covered > 1).mean() < 0.001


@pytest.mark.parametrize("name", ["report.pdf", "receipt.jpg", "notice.png"])
def test_upright_samples_are_written_from_left_to_right(name: str, samples: dict[str, Sample]) -> None:
    for page in samples[name].pages:
        along = _corners(page)[:, 1] - _corners(page)[:, 0]
        assert (along[:, 0] > 8 * np.abs(along[:, 1])).all()


def test_the_scan_is_written_downwards_and_askew(samples: dict[str, Sample]) -> None:
    corners = _corners(samples["scan-rotated.jpg"].pages[0])
    along = corners[:, 1] - corners[:, 0]
    angles_deg = np.degrees(np.arctan2(along[:, 1], along[:, 0]))
    np.testing.assert_allclose(angles_deg, 90.8, atol=0.01)


def test_the_report_holds_its_text_as_text(samples: dict[str, Sample]) -> None:
    with pymupdf.open(stream=samples["report.pdf"].data) as document:
        for page, index in zip(samples["report.pdf"].pages, range(len(document)), strict=True):
            words = set(document[index].get_text().split())
            assert {word for line in page.lines for word in line.text.split()} == words


def test_the_notice_mixes_chinese_and_english(samples: dict[str, Sample]) -> None:
    text = "".join(line.text for line in samples["notice.png"].pages[0].lines)
    chinese = sum("一" <= character <= "鿿" for character in text)
    english = sum(character.isascii() and character.isalpha() for character in text)
    assert chinese > 200
    assert english > 200


@pytest.mark.parametrize("name", SAMPLE_NAMES)
def test_no_sample_is_heavy(name: str, samples: dict[str, Sample]) -> None:
    assert len(samples[name].data) < _MAX_BYTES


def test_drawing_all_samples_takes_a_few_seconds() -> None:
    # Of processor time: other work on the machine must not fail this test.
    started = time.process_time()
    sample_documents()
    assert time.process_time() - started < _MAX_DRAWING_CPU_S


def _pictures(sample: Sample) -> list[NDArray[np.uint8]]:
    """Return the pages as the engine sees them, grey: uint8, (height, width)."""
    if sample.media_type != "application/pdf":
        return [np.asarray(Image.open(io.BytesIO(sample.data)).convert("L"))]
    with pymupdf.open(stream=sample.data) as document:
        pages = [document[i].get_pixmap(dpi=_PDF_DPI, colorspace=pymupdf.csGRAY) for i in range(len(document))]
        return [np.frombuffer(page.samples, np.uint8).reshape(page.height, page.width) for page in pages]


def _corners(page: SamplePage) -> NDArray[np.float64]:
    """Return all polygons of a page: float64, (lines, 4, 2), pixels."""
    return np.array([line.polygon for line in page.lines], dtype=np.float64)


def _mask(line: SampleLine, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return 1 inside the line's polygon, else 0: uint8, in the picture's shape."""
    mask = np.zeros(picture.shape, np.uint8)
    cv2.fillPoly(mask, [np.rint(np.array(line.polygon)).astype(np.int32)], (1,))
    return mask
