"""Documents spoilt at random, the same for the same seed, and a process that reads many and tells how it fared."""

from __future__ import annotations

import io
import json
import random
import re
import struct
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pymupdf
from PIL import Image, ImageDraw

from ocr_engine import DocumentLimits, EngineError, open_document
from ocr_engine.exports import PageText, searchable_pdf
from producer.contract.errors import OcrFleetError
from producer.source import inspect_source

MIB = 1 << 20
# Small enough for many at once, and above every seed document; the bombs are beyond.
LIMITS = DocumentLimits(max_bytes=16 * MIB, max_pages=50, max_page_pixels=4_000_000)
PAGES_READ = 3
WIDTH, HEIGHT = 160, 120
BOMB_BYTES = 64 * MIB
_LIES = (0, 1, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF)
_mupdf: Any = pymupdf  # Any: the library is not annotated


@dataclass(frozen=True, kw_only=True, slots=True)
class Spoilt:
    """A document and how it came to be so."""

    name: str
    data: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Fared:
    """What a process that read many documents says in the end. `codes`: how often each answer was given."""

    codes: dict[str, int]
    slowest: str
    slowest_s: float
    peak_mib: int


def spoilt(seed: int) -> Spoilt:
    """One document out of a seed document and one to three mutations of it."""
    chance = random.Random(seed)
    origin = chance.choice(sorted(seeds()))
    data, steps = seeds()[origin], []
    for _ in range(chance.choice((1, 1, 2, 3))):
        mutation = chance.choice(MUTATIONS)
        data = mutation(data, chance)
        steps.append(mutation.__name__.strip("_"))
    return Spoilt(name=f"{seed}-{origin}-{'-'.join(steps)}", data=data)


@cache
def seeds() -> dict[str, bytes]:
    """Drawn documents of every format, some of them of formats that are refused."""
    page = _page()
    found = {"rgb.png": _saved(page, "PNG"), "grey.png": _saved(page.convert("L"), "PNG")}
    found |= {"alpha.png": _saved(page.convert("RGBA"), "PNG"), "palette.png": _saved(page.convert("P"), "PNG")}
    found["deep.png"] = _saved(
        Image.fromarray(np.arange(HEIGHT * WIDTH, dtype=np.uint16).reshape(HEIGHT, WIDTH)), "PNG"
    )
    turned = Image.Exif()
    turned[0x0112] = 6
    found |= {"rgb.jpg": _saved(page, "JPEG", exif=turned), "cmyk.jpg": _saved(page.convert("CMYK"), "JPEG")}
    found["progressive.jpg"] = _saved(page, "JPEG", progressive=True)
    found |= {"lossy.webp": _saved(page, "WEBP"), "lossless.webp": _saved(page, "WEBP", lossless=True)}
    found |= {"rgb.bmp": _saved(page, "BMP"), "rgb.gif": _saved(page, "GIF")}
    for packing in ("raw", "tiff_lzw", "tiff_adobe_deflate", "jpeg"):
        found[f"{packing}.tif"] = _saved(page, "TIFF", compression=packing, save_all=True, append_images=[page, page])
    found["fax.tif"] = _saved(page.convert("1"), "TIFF", compression="group4")
    found |= {"text.pdf": _pdf(deflate=False), "packed.pdf": _pdf(deflate=True), "deep.pdf": _deep_pdf()}
    return found


def _page() -> Image.Image:
    page = Image.new("RGB", (WIDTH, HEIGHT), "white")
    pen = ImageDraw.Draw(page)
    for row in range(0, HEIGHT, 20):
        pen.text((8, row), f"row {row} of the page", fill=(row, 0, 90))
    return page


def _saved(page: Image.Image, kind: str, **how: Any) -> bytes:  # Any: the format's own options
    buffer = io.BytesIO()
    page.save(buffer, kind, **how)
    return buffer.getvalue()


def _pdf(*, deflate: bool) -> bytes:
    with _mupdf.open() as made:
        for number in range(3):
            sheet = made.new_page(width=WIDTH, height=HEIGHT)
            sheet.insert_text((10, 30), f"page {number + 1} of three")
            sheet.insert_image(_mupdf.Rect(10, 40, 90, 100), stream=_saved(_page(), "PNG"))
        return bytes(made.tobytes(deflate=deflate))


def _deep_pdf(depth: int = 400) -> bytes:
    """One page below many nodes, each the only child of the one above."""
    nodes = [b"<</Type/Catalog/Pages 2 0 R>>"]
    for number in range(depth):
        parent = b"" if number == 0 else b"/Parent %d 0 R" % (number + 1)
        nodes.append(b"<</Type/Pages/Count 1/Kids[%d 0 R]%b>>" % (number + 3, parent))
    nodes.append(b"<</Type/Page/Parent %d 0 R/MediaBox[0 0 90 90]>>" % (depth + 1))
    body, places = bytearray(b"%PDF-1.7\n"), []
    for number, content in enumerate(nodes, start=1):
        places.append(len(body))
        body += b"%d 0 obj\n%b\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    size = len(nodes) + 1
    tail = b"xref\n0 %d\n0000000000 65535 f \n%btrailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n"
    return bytes(body) + tail % (size, table, size, len(body))


def _flips(data: bytes, chance: random.Random) -> bytes:
    """A few bytes are others."""
    changed = bytearray(data)
    for _ in range(chance.choice((1, 4, 30))):
        changed[chance.randrange(len(changed))] = chance.randrange(256)
    return bytes(changed)


def _cut(data: bytes, chance: random.Random) -> bytes:
    """The end is missing."""
    return data[: chance.randrange(1, len(data) + 1)]


def _hole(data: bytes, chance: random.Random) -> bytes:
    """A piece in the middle is missing, or is there twice."""
    start = chance.randrange(len(data))
    end = min(start + chance.randrange(1, 200), len(data))
    return data[:start] + data[end:] + (data[start:end] if chance.random() < 0.5 else b"") or b"\0"


def _head_lies(data: bytes, chance: random.Random) -> bytes:
    """A number near the beginning, such as a width, is quite another one."""
    changed, at = bytearray(data), chance.randrange(min(len(data), 120))
    form = chance.choice((">I", "<I", ">H", "<H"))
    lie = chance.choice(_LIES) & (0xFFFF if form[1] == "H" else 0xFFFFFFFF)
    changed[at : at + struct.calcsize(form)] = struct.pack(form, lie)
    return bytes(changed)


def _number_lies(data: bytes, chance: random.Random) -> bytes:
    """A number that is written in digits, as PDFs have them, is quite another one."""
    numbers = list(re.finditer(rb"\d+", data))
    if not numbers:
        return _head_lies(data, chance)
    lie = chance.choice((b"-1", b"0", b"99999999", b"2147483647", b"1e30", b"0.0000001", b"(x)", b"1 0 R"))
    found = chance.choice(numbers)
    return data[: found.start()] + lie + data[found.end() :]


def _names_swap(data: bytes, chance: random.Random) -> bytes:
    """Two of a PDF's names change places."""
    names = list(re.finditer(rb"/[A-Za-z]+", data))
    if len(names) < 2:
        return _flips(data, chance)
    first, second = sorted(chance.sample(names, 2), key=lambda name: name.start())
    between = data[first.end() : second.start()]
    return data[: first.start()] + second.group() + between + first.group() + data[second.end() :]


def _bomb(data: bytes, chance: random.Random) -> bytes:
    """What is packed unpacks to 64 MB of zeros."""
    zeros = _packed_zeros()
    if data.startswith(b"\x89PNG"):
        body = struct.pack(">I", len(zeros)) + b"IDAT" + zeros + struct.pack(">I", zlib.crc32(b"IDAT" + zeros))
        return data[:33] + body + data[33:]
    streams = list(re.finditer(rb"/Length \d+(.*?)stream\r?\n(.*?)endstream", data, re.DOTALL))
    if not streams:
        return data + zeros
    found = chance.choice(streams)
    packed = b"/Filter/FlateDecode/Length %d>>\nstream\n%b\nendstream" % (len(zeros), zeros)
    return data[: found.start()] + packed + data[found.end() :]


def _splice(data: bytes, chance: random.Random) -> bytes:
    """The beginning of one document and the end of another."""
    other = chance.choice(list(seeds().values()))
    return data[: chance.randrange(1, len(data) + 1)] + other[chance.randrange(len(other)) :]


MUTATIONS: Sequence[Callable[[bytes, random.Random], bytes]] = (
    *(_flips, _flips, _cut, _hole, _head_lies, _head_lies, _number_lies, _number_lies, _names_swap, _bomb, _splice),
)


@cache
def _packed_zeros() -> bytes:
    packer = zlib.compressobj(9)
    return b"".join(packer.compress(bytes(MIB)) for _ in range(BOMB_BYTES // MIB)) + packer.flush()


def read(data: bytes) -> str:
    """What the intake, the readers and the export make of a document: "" or the code of their refusal."""
    try:
        inspect_source(io.BytesIO(data), filename=None, max_bytes=16 * MIB)
        with open_document(data, limits=LIMITS) as document:
            count = min(document.page_count, PAGES_READ)
            sizes = [document.page_image(index).shape for index in range(count)]
        with tempfile.TemporaryFile() as file:
            export = searchable_pdf(file, data, limits=LIMITS)
            for number, (height, width, _) in enumerate(sizes, start=1):
                export.add(PageText.parse(_said(number, width, height)))
            export.finish()
    except (EngineError, OcrFleetError) as error:
        return error.code
    return ""


def _said(number: int, width: int, height: int) -> dict[str, object]:
    corners = [[1, 1], [width, 1], [width, height], [1, height]]
    lines = {"rec_texts": ["two words"], "rec_scores": [0.5]}
    return {"page": number, "width": width, "height": height, "result": lines, "original_polys": [corners]}


def main(first: int, count: int) -> None:
    """Read so many; their names go to standard error, so that a crash tells of which it was."""
    codes: dict[str, int] = {}
    slowest, slowest_s = "", 0.0
    for seed in range(first, first + count):
        document = spoilt(seed)
        sys.stderr.write(f"{document.name}\n")
        started = time.monotonic()
        code = read(document.data)
        took_s = time.monotonic() - started
        codes[code] = codes.get(code, 0) + 1
        if took_s > slowest_s:
            slowest, slowest_s = document.name, took_s
    status = Path("/proc/self/status").read_text(encoding="ascii")
    peak_kib = int(re.search(r"^VmHWM:\s*(\d+) kB$", status, re.MULTILINE)[1])  # type: ignore[index]  # Linux has it
    fared = Fared(codes=codes, slowest=slowest, slowest_s=round(slowest_s, 2), peak_mib=peak_kib >> 10)
    sys.stdout.write(json.dumps(asdict(fared)) + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
