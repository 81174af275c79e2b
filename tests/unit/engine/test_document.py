"""Opening documents: what is read, and what is refused before it costs anything."""

from __future__ import annotations

import resource
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import PIL.Image
import pymupdf
import pytest

from ocr_engine import (
    DocumentLimits,
    EmptyDocument,
    EncryptedDocument,
    EngineError,
    MediaType,
    PageTooLarge,
    SourceNotFound,
    TooLarge,
    TooManyPages,
    UnreadableDocument,
    UnsupportedMedia,
    open_document,
)
from ocr_engine.types import Image
from tests.unit.engine.drawing import bgr, encoded, pdf, saved, sheet


def only_page(data: bytes) -> Image:
    with open_document(data) as document:
        assert document.page_count == 1
        return document.page_image(0)


@pytest.mark.parametrize("kind", ["PNG", "BMP", "WEBP", "TIFF"])
def test_a_lossless_image_gives_its_own_pixels(kind: str) -> None:
    data = encoded(sheet(), kind, **({"lossless": True} if kind == "WEBP" else {}))
    with open_document(data) as document:
        assert document.media_type is MediaType[kind]
        assert np.array_equal(document.page_image(0), bgr(sheet()))


def test_a_jpeg_is_decoded_as_the_reference_does() -> None:
    data = encoded(sheet(), "JPEG")
    expected = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert expected is not None
    assert np.array_equal(only_page(data), expected)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "WEBP"])
def test_a_system_that_cannot_name_a_picture_reads_the_same_pixels(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(name: str) -> int:
        raise OSError

    data = encoded(sheet(), kind)
    expected = only_page(data)
    monkeypatch.setattr("os.memfd_create", refused, raising=False)
    assert np.array_equal(only_page(data), expected)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_exif_orientation_is_honoured(kind: str) -> None:
    exif = PIL.Image.Exif()
    exif[0x0112] = 6
    assert only_page(encoded(PIL.Image.new("RGB", (40, 20), "white"), kind, exif=exif)).shape == (40, 20, 3)


def test_exif_orientation_of_a_transparent_image_is_honoured() -> None:
    exif = PIL.Image.Exif()
    exif[0x0112] = 6
    assert only_page(encoded(PIL.Image.new("RGBA", (40, 20)), "PNG", exif=exif)).shape == (40, 20, 3)


def test_what_is_transparent_becomes_white() -> None:
    page = PIL.Image.new("RGBA", (4, 3), (0, 0, 0, 0))
    page.putpixel((1, 1), (200, 100, 50, 255))
    pixels = only_page(encoded(page, "PNG"))
    assert pixels[0, 0].tolist() == [255, 255, 255]
    assert pixels[1, 1].tolist() == [50, 100, 200]


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
def test_every_png_mode_becomes_bgr(mode: str) -> None:
    page = sheet().convert(mode)
    difference = np.abs(only_page(encoded(page, "PNG")).astype(int) - bgr(page).astype(int))
    assert difference.max() <= 1


def test_sixteen_bits_keep_the_high_byte() -> None:
    grey = np.full((5, 6), 0xABCD, dtype=np.uint16)
    image = PIL.Image.fromarray(grey)
    assert only_page(encoded(image, "PNG"))[0, 0].tolist() == [0xAB] * 3
    assert only_page(encoded(image, "TIFF"))[0, 0].tolist() == [0xAB] * 3


def test_a_floating_point_tiff_is_stretched_to_black_and_white() -> None:
    ramp = PIL.Image.fromarray(np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4))
    pixels = only_page(encoded(ramp, "TIFF"))
    assert (pixels.min(), pixels.max()) == (0, 255)


def test_a_cmyk_jpeg_keeps_its_colours() -> None:
    pixels = only_page(encoded(PIL.Image.new("RGB", (32, 32), (250, 20, 30)).convert("CMYK"), "JPEG"))
    assert np.abs(pixels[16, 16].astype(int) - [30, 20, 250]).max() < 8


def test_every_frame_of_a_tiff_is_a_page() -> None:
    frames = [PIL.Image.new("RGB", (30 + i, 20), (i * 40, 0, 0)) for i in range(3)]
    data = encoded(frames[0], "TIFF", save_all=True, append_images=frames[1:])
    with open_document(data) as document:
        assert document.page_count == 3
        assert [document.page_image(i).shape[1] for i in (2, 0, 1)] == [32, 30, 31]
        assert document.page_index(2) == 2


def test_a_single_image_has_no_page_index() -> None:
    with open_document(encoded(sheet(), "PNG")) as document:
        assert document.page_index(0) is None


def test_a_pdf_page_is_rendered_at_144_dpi() -> None:
    with open_document(pdf(sheet(), sheet())) as document:
        assert (document.media_type, document.page_count) == (MediaType.PDF, 2)
        assert document.page_image(1).shape == (640, 900, 3)
        assert np.abs(document.page_image(1).astype(int) - bgr(sheet()).astype(int)).mean() < 2


def scans(count: int) -> bytes:
    """A PDF of scanned pages, each a picture of noise, 40 kB."""
    noise = np.random.default_rng(0)
    with pymupdf.open() as made:
        for _ in range(count):
            picture = cv2.imencode(".jpg", noise.integers(0, 256, (200, 150, 3), dtype=np.uint8))[1]
            page = made.new_page(width=150, height=200)
            page.insert_image(page.rect, stream=picture.tobytes())
        return bytes(made.tobytes())


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_of_a_pdf_that_was_cut_off_whole_pages_are_read_and_the_others_refused(share: float) -> None:
    data = scans(5)
    with open_document(data) as whole:
        expected = [whole.page_image(index) for index in range(5)]
    with open_document(data[: int(len(data) * share)]) as cut:
        read = 0
        for index in range(cut.page_count):
            try:
                assert np.array_equal(cut.page_image(index), expected[index])
                read += 1
            except UnreadableDocument as error:
                assert "cut off" in error.message
    assert 0 < read < 5


def test_a_pdf_without_its_table_of_contents_is_read_whole() -> None:
    data = scans(3)
    with open_document(data[: data.rindex(b"startxref")]) as document:
        assert [document.page_image(index).shape for index in range(3)] == [(400, 300, 3)] * 3


def test_the_decoded_picture_of_a_pdf_page_is_not_kept_and_fonts_are(monkeypatch: pytest.MonkeyPatch) -> None:
    emptied: list[int] = []
    monkeypatch.setattr(pymupdf.TOOLS, "store_shrink", emptied.append)
    with pymupdf.open(stream=pdf(sheet())) as made:
        made.new_page().insert_text((72, 72), "typed")
        data = made.tobytes()
    with open_document(data) as document:
        for index in range(document.page_count):
            document.page_image(index)
            assert emptied == [100]


def test_a_pdf_with_an_empty_password_opens() -> None:
    with open_document(pdf(sheet(), password="")) as document:
        assert document.page_image(0).shape == (640, 900, 3)


def test_a_large_pdf_page_is_rendered_smaller_until_it_fits() -> None:
    with open_document(pdf(sheet(), points=(1000, 500)), limits=DocumentLimits(max_page_pixels=20_000)) as document:
        height, width = document.page_image(0).shape[:2]
    assert 18_000 < height * width <= 20_000
    assert width / height == pytest.approx(2, abs=0.05)


def test_a_pdf_page_that_fits_at_no_scale_is_refused() -> None:
    data = pdf(sheet(), points=(1000, 500))
    with open_document(data, limits=DocumentLimits(max_page_pixels=100)) as document, pytest.raises(PageTooLarge):
        document.page_image(0)


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds almost nothing."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return len(body).to_bytes(4, "big") + name + body + zlib.crc32(name + body).to_bytes(4, "big")

    size = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([8, 2, 0, 0, 0])
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


def test_a_page_longer_than_polygons_can_address_is_refused_unread() -> None:
    with pytest.raises(PageTooLarge, match="60000 x 10"):
        open_document(encoded(PIL.Image.new("L", (60_000, 10)), "PNG"))


@pytest.mark.parametrize("size", [(30_000, 30_000), (2**31 - 1, 2**31 - 1)])
def test_a_decompression_bomb_is_refused_from_its_header(size: tuple[int, int]) -> None:
    with pytest.raises(PageTooLarge):
        open_document(png_header(*size))


def test_a_later_frame_is_measured_too() -> None:
    frames = [PIL.Image.new("L", (10, 10)), PIL.Image.new("L", (40_000, 1))]
    data = encoded(frames[0], "TIFF", save_all=True, append_images=frames[1:])
    with open_document(data) as document, pytest.raises(PageTooLarge):
        document.page_image(1)


CORRUPT = {
    "a PDF that is only a header": b"%PDF-1.7\nnothing more",
    "a cut PNG": encoded(sheet(), "PNG")[:-900],
    "a cut JPEG": encoded(sheet(), "JPEG")[:-900],
    "a cut WebP": encoded(sheet(), "WEBP")[:-900],
    "a cut TIFF": encoded(sheet(), "TIFF", compression="tiff_deflate")[:-900],
    "a TIFF of rubbish": b"II*\x00" + bytes(range(256)),
    "a PNG of rubbish": b"\x89PNG\r\n\x1a\n" + bytes(range(256)),
    "a JPEG of rubbish": b"\xff\xd8\xff" + bytes(range(256)),
}


@pytest.mark.parametrize("data", CORRUPT.values(), ids=CORRUPT.keys())
def test_a_damaged_document_is_unreadable(data: bytes) -> None:
    with pytest.raises(UnreadableDocument) as raised:
        only_page(data)
    assert raised.value.code == "unreadable_document"


def test_a_locked_pdf_says_so() -> None:
    with pytest.raises(EncryptedDocument) as raised:
        open_document(pdf(sheet(), password="secret"))
    assert raised.value.code == "encrypted_document"


@pytest.mark.parametrize(
    "content", [b"just text", b"BM is how this text begins, and it goes on", b"<html></html>", b"\0"]
)
def test_content_decides_and_not_the_name(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(UnsupportedMedia) as raised:
        open_document(saved(tmp_path, "page.png", content))
    assert raised.value.code == "unsupported_media"


def test_a_png_named_pdf_is_read_as_what_it_is(tmp_path: Path) -> None:
    with open_document(saved(tmp_path, "page.pdf", encoded(sheet(), "PNG"))) as document:
        assert document.media_type is MediaType.PNG


def test_an_empty_file_is_an_invalid_request(tmp_path: Path) -> None:
    with pytest.raises(EmptyDocument) as raised:
        open_document(saved(tmp_path, "page.png", b""))
    assert raised.value.code == "invalid_request"


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceNotFound, match=r"nowhere\.pdf"):
        open_document(tmp_path / "nowhere.pdf")


@pytest.mark.parametrize("kind", ["pdf", "tiff"])
def test_too_many_pages_are_counted_not_decoded(kind: str) -> None:
    pages = [sheet(size=(90, 60))] * 3
    data = pdf(*pages) if kind == "pdf" else encoded(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    with pytest.raises(TooManyPages, match="3 pages; the limit is 2") as raised:
        open_document(data, limits=DocumentLimits(max_pages=2))
    assert raised.value.code == "too_many_pages"


def test_too_many_bytes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TooLarge) as raised:
        open_document(saved(tmp_path, "page.png", encoded(sheet(), "PNG")), limits=DocumentLimits(max_bytes=100))
    assert raised.value.code == "too_large"


def test_every_error_has_a_message_and_only_memory_and_the_net_are_worth_a_retry() -> None:
    def tree(kind: type[EngineError]) -> list[type[EngineError]]:
        return [kind, *(leaf for child in kind.__subclasses__() for leaf in tree(child))]

    kinds = tree(EngineError)
    assert all(kind().message for kind in kinds)
    assert {kind.code for kind in kinds if kind.retryable} == {"out_of_memory", "source_unreachable"}


def test_a_png_whose_chunk_lies_about_its_length_is_refused_before_memory_is_reserved() -> None:
    """Found by spoiling documents at random: OpenCV reserved the 4 GB that a chunk said it had."""
    data = encoded(PIL.Image.new("L", (40, 20)), "PNG")
    lying = data.replace(struct.pack(">I", data.index(b"IEND") - data.index(b"IDAT") - 12), b"\xff\xff\xff\x00", 1)
    assert lying != data
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with open_document(lying) as document, pytest.raises(UnreadableDocument, match="cut short"):
        document.page_image(0)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000


@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_may_be_followed_by_anything_and_one_that_is_cut_short_may_not_be_read(progressive: bool) -> None:
    """A phone's moving photo has a film behind its picture, in which the bytes of a marker come by chance."""
    whole = encoded(sheet(), "JPEG", progressive=progressive)
    with open_document(whole + b"\xff\xda film \xff\xd8") as document, open_document(whole) as plain:
        assert (document.page_image(0) == plain.page_image(0)).all()
    # The thumbnail in its header has an end of its own.
    thumbnail = struct.pack(">2sH", b"\xff\xe1", 8) + b"\xff\xda\xff\xd9\0\0"
    for end in (len(whole) - 2, len(whole) // 2):
        cut = whole[:2] + thumbnail + whole[2:end]
        with open_document(cut) as document, pytest.raises(UnreadableDocument, match="cut short"):
            document.page_image(0)
