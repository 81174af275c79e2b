"""Files of results: whole or not there, and none over another's."""

from __future__ import annotations

import json
from pathlib import Path

import PIL.Image
import pytest

from ocr_engine import InvalidRequest, OCREngine, OCRResult
from ocr_engine.stems import Stems
from ocr_engine.whole_file import whole_file
from tests.unit.engine.drawing import encoded, pdf, saved, sheet


def test_the_first_of_a_name_keeps_it_and_the_others_are_numbered() -> None:
    stems = Stems()
    assert [stems.claim(stem) for stem in ("page", "Page", "page-2", "page", "other")] == [
        "page",
        "Page-2",
        "page-2-2",
        "page-3",
        "other",
    ]


def test_documents_of_one_name_in_a_folder_are_saved_side_by_side(engine: OCREngine, tmp_path: Path) -> None:
    tiny = sheet((), size=(64, 64))
    for folder in ("a", "b"):
        (tmp_path / "in" / folder).mkdir(parents=True)
        saved(tmp_path / "in" / folder, "page.png", encoded(tiny, "PNG"))
    saved(tmp_path / "in" / "b", "page.jpg", encoded(tiny, "JPEG"))
    saved(tmp_path / "in" / "b", "page_0.png", encoded(tiny, "PNG"))
    saved(tmp_path / "in", "page.pdf", pdf(tiny))
    read = engine.predict(tmp_path / "in")
    assert [result.stem for result in read] == ["page", "page-2", "page-3", "page_0", "page_0-2"]
    for result in read:
        result.save_to_json(tmp_path / "out")
    assert len(list((tmp_path / "out").iterdir())) == 5
    assert engine.predict(tmp_path / "in" / "b" / "page.png")[0].stem == "page"


@pytest.mark.parametrize("fault", [KeyboardInterrupt, OSError])
def test_a_file_that_is_interrupted_leaves_the_old_one_and_no_trace(tmp_path: Path, fault: type[BaseException]) -> None:
    path = saved(tmp_path, "page_res.json", b"old")
    with pytest.raises(fault), whole_file(path) as file:
        file.write(b"ne")
        raise fault
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_an_interrupt_while_a_drawing_is_saved_leaves_whole_files(
    result: OCRResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encode = PIL.Image.Image.save

    def interrupted(image: PIL.Image.Image, *arguments: object, **options: object) -> None:
        encode(image.crop((0, 0, 9, 9)), *arguments, **options)  # type: ignore[arg-type]  # passed through
        raise KeyboardInterrupt

    monkeypatch.setattr(PIL.Image.Image, "save", interrupted)
    with pytest.raises(KeyboardInterrupt):
        result.save_all(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["sheet_original.json", "sheet_res.json"]


def test_a_suffix_that_is_no_picture_is_named(result: OCRResult, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match=r"drawn\.svg"):
        result.save_to_img(tmp_path / "drawn.svg")


def test_the_lines_in_the_page_as_given_are_saved_beside_the_result(result: OCRResult, tmp_path: Path) -> None:
    result.save_all(tmp_path)
    saved_beside = json.loads((tmp_path / "sheet_original.json").read_text())
    assert saved_beside == result.json["original"] == result.original
    quads = [quad.tolist() for quad in result["rec_polys"]]
    assert saved_beside == {"width": 900, "height": 640, "text_source": "ocr", "polys": quads, "outlines": quads}


def test_words_too_are_given_in_the_page_as_it_was(engine: OCREngine, tmp_path: Path) -> None:
    source = saved(tmp_path, "page.png", encoded(sheet().rotate(180), "PNG"))
    (read,) = engine.predict(source, return_word_box=True)
    assert read["doc_preprocessor_res"]["angle"] == 180
    (line, *_), (words, *_) = read.original["polys"], read.original["word_polys"]
    assert len(words) == len(read["text_word"][0])
    assert words[0] == [[900 - x, 640 - y] for x, y in read.text_word_region[0][0]]
    assert line == [[900 - x, 640 - y] for x, y in read["rec_polys"][0].tolist()]
