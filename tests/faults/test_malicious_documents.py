"""Documents made to harm: each ends its job with a code, and the process that read them stayed small."""

from __future__ import annotations

import struct
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.bench import Bench, request_of, run_alone
from tests.faults.commands import READ, document
from tests.faults.engine import DIR_VARIABLE
from tests.faults.ledger import Expected
from tests.unit.engine.drawing import pdf, sheet

MIB = 1 << 20
MOST_MIB = 384  # of resident memory; a process that has read one small page has about 150
BOMB_SIDE = 20_000  # pixels of one byte: 400 MB, some two seconds of unpacking


def raw_pdf(*objects: bytes) -> bytes:
    """A PDF of these objects, numbered from 1; the first is the catalogue."""
    body, places = bytearray(b"%PDF-1.7\n"), []
    for number, content in enumerate(objects, start=1):
        places.append(len(body))
        body += b"%d 0 obj\n%b\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    count = len(objects) + 1
    return bytes(body) + (
        b"xref\n0 %d\n0000000000 65535 f \n%btrailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n"
        % (count, table, count, len(body))
    )


def stream(entries: bytes, content: bytes) -> bytes:
    return b"<<%b/Length %d>>\nstream\n%b\nendstream" % (entries, len(content), content)


def deflated_zeros(size: int) -> bytes:
    """Zeros as zlib packs them, a thousandth of the size; one packed portion is used again and again."""
    packer = zlib.compressobj(9)
    head = packer.compress(b"") + packer.flush(zlib.Z_FULL_FLUSH)
    portion = packer.compress(bytes(16 * MIB)) + packer.flush(zlib.Z_FULL_FLUSH)
    return head + portion * (size // (16 * MIB) + 1) + packer.flush()


def endless_pages() -> bytes:
    """A hundred thousand empty pages."""
    kids = b" ".join(b"%d 0 R" % number for number in range(3, 100_003))
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>"
    pages = b"<</Type/Pages/Count 100000/Kids[%b]>>" % kids
    return raw_pdf(b"<</Type/Catalog/Pages 2 0 R>>", pages, *[page] * 100_000)


def one_page(media_box: bytes, *more: bytes, resources: bytes = b"", contents: bytes = b"") -> bytes:
    return raw_pdf(
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Count 1/Kids[3 0 R]>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[%b]/Resources<<%b>>%b>>" % (media_box, resources, contents),
        *more,
    )


def picture_bomb() -> bytes:
    """A small page with a picture that unpacks to 400 MB out of as many kB."""
    size = b"/Width %d/Height %d" % (BOMB_SIDE, BOMB_SIDE)
    picture = b"/Type/XObject/Subtype/Image/BitsPerComponent 8/ColorSpace/DeviceGray" + size
    return one_page(
        b"0 0 100 100",
        stream(b"", b"100 0 0 100 0 0 cm /P Do"),
        stream(picture + b"/Filter/FlateDecode", deflated_zeros(BOMB_SIDE**2)),
        resources=b"/XObject<</P 5 0 R>>",
        contents=b"/Contents 4 0 R",
    )


def png(width: int, height: int, data: bytes) -> bytes:
    """A grey PNG that says it is so large; what it holds is another matter."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def looping_tiff() -> bytes:
    """A TIFF whose first frame is followed by itself."""
    data = document([READ])
    (first,) = struct.unpack_from("<I", data, 4)
    (entries,) = struct.unpack_from("<H", data, first)
    behind = first + 2 + 12 * entries
    return data[:behind] + struct.pack("<I", first) + data[behind + 4 :]


# Name -> the document, and the codes of which the job must end with one; "" is a page that could be read.
DOCUMENTS: dict[str, tuple[Callable[[], bytes], set[str]]] = {
    "hundred_thousand_pages": (endless_pages, {"too_many_pages"}),
    "page_of_a_mile": (lambda: one_page(b"0 0 4500000 4500000"), {"page_too_large", ""}),
    "picture_bomb_in_a_pdf": (picture_bomb, {"page_too_large", "unreadable_document", "out_of_memory", ""}),
    "encrypted": (lambda: pdf(sheet(), password="secret"), {"encrypted_document"}),
    "truncated_pdf": (lambda: pdf(sheet())[:200], {"unreadable_document"}),
    "truncated_png": (lambda: png(800, 600, zlib.compress(bytes(481_200))[:100]), {"unreadable_document"}),
    "empty_png_of_50k_by_50k": (lambda: png(50_000, 50_000, b""), {"page_too_large"}),
    "png_bomb_of_50k_by_50k": (lambda: png(50_000, 50_000, deflated_zeros(BOMB_SIDE**2)), {"page_too_large"}),
    "png_of_a_line": (lambda: png(2**31 - 1, 1, b""), {"page_too_large", "unreadable_document"}),
    "tiff_in_a_loop": (looping_tiff, {"", "unreadable_document", "too_many_pages"}),
    "pdf_of_noise": (lambda: b"%PDF-1.7\n" + bytes(range(256)) * 400, {"unreadable_document"}),
}


def test_every_document_made_to_harm_ends_with_its_code_in_little_memory(
    bench: Bench, redis_url: str, desk: Path, tmp_path: Path
) -> None:
    """Row 33: bombs, endless documents, locked and broken ones, read by one process one after the other."""
    jobs = {}
    for name, (make, codes) in DOCUMENTS.items():
        jobs[name] = bench.producer.submit(make(), request_of({})).id
        states = {"succeeded" if code == "" else "failed" for code in codes}
        bench.accepted[jobs[name]] = Expected(states=frozenset(states), pages={1: None})
    environment = {
        "OCRFLEET_REDIS_URL": redis_url,
        "OCRFLEET_STORE_URL": (tmp_path / "objects").as_uri(),
        DIR_VARIABLE: str(desk),
    }
    done = run_alone([sys.executable, "-m", "tests.faults.bench", "cpu"], environment)
    assert done.returncode == 0, done.stderr
    ends = {name: bench.producer.status(job_id) for name, job_id in jobs.items()}
    found = {name: job.error.code if job.error else "" for name, job in ends.items()}
    assert {name: code for name, code in found.items() if code not in DOCUMENTS[name][1]} == {}
    assert {name: job.attempts for name, job in ends.items() if job.attempts != 1} == {}
    assert all(job.error.message for job in ends.values() if job.error)
    assert int(done.stdout.split()[-1]) < MOST_MIB
    assert bench.violations() == []


@pytest.mark.parametrize("name", ["hundred_thousand_pages", "png_bomb_of_50k_by_50k"])
def test_the_bombs_are_small_to_send(name: str) -> None:
    """Row 33: none of them would be stopped by the limit on bytes."""
    assert len(DOCUMENTS[name][0]()) < 16 * MIB
