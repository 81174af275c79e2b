"""The font of invisible text: every character is a box, which is not painted, with its Unicode value.

A TrueType file of half a kilobyte is made here, so that no viewer looks for a typeface; the text itself is given by a
ToUnicode map of the characters that a document uses, in any script and beyond the basic plane. The glyphs are boxes and
not empty, because PDFium (Chrome) drops turned text whose glyphs have no extent.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

from ocr_engine.placed_words import width_em

FONT_NAME = "OCRFleetText"
ASCENT, DESCENT, UNITS = 800, -200, 1000  # thousandths of an em; together one em, the height of a line
_DEFAULT_WIDTH = 500
_MAP_ROWS = 100  # as many entries as one section of a CMap may have
_HALF, _FULL = 1, 2  # glyphs by their width; 0 is the missing glyph, which some readers drop from the text

# Object numbers of a font, in the order of `GlyphlessFont.objects`.
FONT_OBJECTS = 6


@dataclass(kw_only=True, slots=True)
class GlyphlessFont:
    """Gives a character its code when it is first used. One for a document, written when its pages are."""

    _codes: dict[str, int] = field(default_factory=dict)

    def encode(self, text: str) -> str:
        """The text as a PDF hexadecimal string without its brackets."""
        return "".join(f"{self._codes.setdefault(character, len(self._codes) + 1):04X}" for character in text)

    def objects(self, numbers: Sequence[int]) -> list[tuple[str, bytes | None]]:
        """The font's objects, each a dictionary and what its stream holds, for these object numbers.

        The first is the font that pages name.
        """
        _, descendant, descriptor, program, glyphs, unicode = numbers
        font_file = _true_type()
        return [
            (
                f"<</Type/Font/Subtype/Type0/BaseFont/{FONT_NAME}/Encoding/Identity-H"
                f"/DescendantFonts[{descendant} 0 R]/ToUnicode {unicode} 0 R>>",
                None,
            ),
            (
                f"<</Type/Font/Subtype/CIDFontType2/BaseFont/{FONT_NAME}/CIDToGIDMap {glyphs} 0 R"
                f"/CIDSystemInfo<</Registry(Adobe)/Ordering(Identity)/Supplement 0>>"
                f"/FontDescriptor {descriptor} 0 R/DW {_DEFAULT_WIDTH}/W[{self._widths()}]>>",
                None,
            ),
            (
                f"<</Type/FontDescriptor/FontName/{FONT_NAME}/Flags 4/FontBBox[0 {DESCENT} {UNITS} {ASCENT}]"
                f"/Ascent {ASCENT}/Descent {DESCENT}/CapHeight {ASCENT}/ItalicAngle 0/StemV 80"
                f"/FontFile2 {program} 0 R>>",
                None,
            ),
            (f"<</Length1 {len(font_file)}>>", font_file),
            ("<<>>", struct.pack(f">{len(self._codes) + 1}H", 0, *map(_glyph, self._codes))),
            ("<<>>", self._to_unicode()),
        ]

    def _widths(self) -> str:
        own = ((code, round(width_em(character) * UNITS)) for character, code in self._codes.items())
        return "".join(f"{code}[{width}]" for code, width in own if width != _DEFAULT_WIDTH)

    def _to_unicode(self) -> bytes:
        rows = [f"<{code:04X}><{character.encode('utf-16-be').hex()}>" for character, code in self._codes.items()]
        sections = [rows[at : at + _MAP_ROWS] for at in range(0, len(rows), _MAP_ROWS)]
        maps = "\n".join(f"{len(part)} beginbfchar\n" + "\n".join(part) + "\nendbfchar" for part in sections)
        return (
            "/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n"
            "/CIDSystemInfo <</Registry(Adobe)/Ordering(UCS)/Supplement 0>> def\n"
            "/CMapName /Adobe-Identity-UCS def\n/CMapType 2 def\n"
            f"1 begincodespacerange\n<0000><FFFF>\nendcodespacerange\n{maps}\nendcmap\n"
            "CMapName currentdict /CMap defineresource pop\nend\nend\n"
        ).encode()


def _glyph(character: str) -> int:
    return _FULL if width_em(character) == 1.0 else _HALF


def _true_type() -> bytes:
    """A font file of two boxes: the tables that ISO 32000-1, 9.9 asks of an embedded TrueType font."""
    # Apple's TrueType reference: head, hhea, maxp, hmtx, loca and glyf, field by field.
    head = struct.pack(
        ">IIIIHHqqhhhhHHhhh",
        *(0x10000, 0x10000, 0, 0x5F0F3CF5, 0b11, UNITS, 0, 0, 0, DESCENT, UNITS, ASCENT, 0, 8, 2, 0, 0),
    )
    hhea = struct.pack(">IhhhHhhh11hH", 0x10000, ASCENT, DESCENT, 0, UNITS, *(0,) * 3, *(1,), *(0,) * 10, 3)
    maxp = struct.pack(">IH13H", 0x10000, 3, *(4, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0))
    hmtx = struct.pack(">HhHhHh", _DEFAULT_WIDTH, 0, _DEFAULT_WIDTH, 0, UNITS, 0)
    boxes = [_box(_DEFAULT_WIDTH), _box(UNITS)]
    loca = struct.pack(">4H", 0, 0, len(boxes[0]) // 2, (len(boxes[0]) + len(boxes[1])) // 2)  # the first has no box
    tables = {"glyf": b"".join(boxes), "head": head, "hhea": hhea, "hmtx": hmtx, "loca": loca, "maxp": maxp}
    at = 12 + 16 * len(tables)
    directory, body = struct.pack(">IHHHH", 0x10000, len(tables), 64, 2, 32), b""
    for name, content in tables.items():
        padded = content + bytes(-len(content) % 4)
        directory += struct.pack(">4sIII", name.encode(), _checksum(padded), at + len(body), len(content))
        body += padded
    return directory + body


def _box(width: int) -> bytes:
    """A glyph of one rectangle as high as the line."""
    head = struct.pack(">hhhhhHH", 1, 0, DESCENT, width, ASCENT, 3, 0)
    # Four points on the curve, each as its distance from the last.
    across, up = struct.pack(">4h", 0, 0, width, 0), struct.pack(">4h", DESCENT, UNITS, 0, -UNITS)
    box = head + b"\x01" * 4 + across + up
    return box + bytes(-len(box) % 4)


def _checksum(padded: bytes) -> int:
    words: tuple[int, ...] = struct.unpack(f">{len(padded) // 4}I", padded)
    return sum(words) & 0xFFFFFFFF
