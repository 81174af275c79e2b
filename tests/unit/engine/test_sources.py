"""What `predict` accepts: web addresses, folders, and lists of everything."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from ocr_engine import InvalidRequest, OCREngine, SourceUnreachable, TooLarge, UnsupportedMedia
from ocr_engine.saving import stem_of
from ocr_engine.sources import expand
from ocr_engine.web import fetch_document, shown_address
from ocr_engine.zoo.fetch import Limits, leaves_https
from tests.unit.engine.drawing import LINES, bgr, encoded, pdf, saved, sheet
from tests.unit.zoo.mirror import Mirror, serve

SMALL = sheet(LINES[:1], size=(700, 120))


@pytest.fixture
def web() -> Iterator[Mirror]:
    files = {
        "/page.png?key=secret": encoded(SMALL, "PNG"),
        "/no-suffix": encoded(SMALL, "JPEG"),
        "/two.pdf": pdf(SMALL, SMALL),
        "/page.html": b"<html>not a document</html>",
    }
    with serve(files) as mirror:
        yield mirror


def test_an_address_is_read_and_reported_without_its_key(engine: OCREngine, web: Mirror, tmp_path: Path) -> None:
    (read,) = engine.predict(web.address("/page.png?key=secret"))
    assert read["rec_texts"] == [LINES[0]]
    assert read["input_path"] == web.address("/page.png")
    assert (read.save_to_json(tmp_path).name, read.save_to_img(tmp_path)[0].name) == (
        "page_res.json",
        "page_ocr_res_img.png",
    )


def test_the_content_decides_what_an_address_holds(engine: OCREngine, web: Mirror) -> None:
    results = engine.predict([web.address("/no-suffix"), web.address("/two.pdf"), bgr(SMALL), encoded(SMALL, "BMP")])
    assert [result["page_index"] for result in results] == [None, 0, 1, None, None]
    assert all(result["rec_texts"] == [LINES[0]] for result in results)
    with pytest.raises(UnsupportedMedia):
        engine.predict(web.address("/page.html"))


def test_redirects_are_followed_and_bounded(web: Mirror) -> None:
    web.moved = {"/old": "/no-suffix", "/round": "/round"}
    assert fetch_document(web.address("/old")) == web.files["/no-suffix"]
    with pytest.raises(SourceUnreachable, match="redirect"):
        fetch_document(web.address("/round"))
    assert web.counts["/round"] == 6


def test_a_redirect_out_of_https_is_noticed() -> None:
    def answer(url: str, *before: httpx.Response) -> httpx.Response:
        return httpx.Response(200, request=httpx.Request("GET", url), history=list(before))

    assert leaves_https(answer("http://b", answer("https://a")))
    assert not leaves_https(answer("https://b", answer("https://a")))
    assert not leaves_https(answer("https://b", answer("http://a")))


def test_bytes_and_time_are_bounded(web: Mirror) -> None:
    with pytest.raises(TooLarge, match="more bytes than the limit of 100"):
        fetch_document(web.address("/two.pdf"), Limits(max_bytes=100))
    with pytest.raises(SourceUnreachable, match="took more than 0 s"):
        fetch_document(web.address("/two.pdf"), Limits(total_s=0.0))


def test_an_address_without_a_document_says_why(web: Mirror) -> None:
    with pytest.raises(SourceUnreachable, match="/none answered HTTP 404"):
        fetch_document(web.address("/none"))
    web.cut["/two.pdf"] = 50
    with pytest.raises(SourceUnreachable, match="cannot fetch"):
        fetch_document(web.address("/two.pdf"))
    with serve({}) as gone:
        address = gone.address("/a.png")
    with pytest.raises(SourceUnreachable, match="check the address") as raised:
        fetch_document(address)
    assert raised.value.retryable


@pytest.mark.parametrize("address", ["http://", "https:///a.png", "http://host:port/a.png"])
def test_what_only_looks_like_an_address_is_an_invalid_request(engine: OCREngine, address: str) -> None:
    with pytest.raises(InvalidRequest):
        engine.predict(address)


def test_an_empty_path_is_not_the_folder_that_one_is_in(engine: OCREngine) -> None:
    with pytest.raises(InvalidRequest, match="empty path"):
        engine.predict("")


@pytest.mark.parametrize(
    ("path", "stem"),
    [
        ("folder/my page.v2.png", "my page.v2"),
        ("https://host/a/general_ocr_002.png", "general_ocr_002"),
        ("https://host/%E4%BA%BA%2F..%2F%00x.pdf", "人_.._x"),
        ("https://host/" + 300 * "a" + ".png", 60 * "a"),
        ("https://host/..", "document"),
        ("https://host", "host"),
    ],
)
def test_a_result_is_saved_under_a_safe_name(path: str, stem: str) -> None:
    assert (stem_of(path, None), stem_of(path, 2)) == (stem, f"{stem}_2")


def test_an_address_is_shown_without_user_query_and_fragment() -> None:
    assert shown_address("HTTPS://me:pass@host.org:444/a b.png?key=1#x") == "https://host.org:444/a%20b.png"


def test_a_folder_is_read_in_the_order_of_its_paths_as_texts(tmp_path: Path) -> None:
    for name in ("a/x.PNG", "a.pdf", "a-1/y.tif", "b/c/d.jpg", "b/notes.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        saved(tmp_path, name, b"")
    expected = [f"{tmp_path}/{name}" for name in ("a-1/y.tif", "a.pdf", "a/x.PNG", "b/c/d.jpg")]
    assert list(expand(tmp_path)) == list(expand(f"{tmp_path}/")) == expected


def test_a_path_is_reported_as_it_was_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saved(tmp_path, "a.png", b"")
    monkeypatch.chdir(tmp_path)
    assert list(expand(["./a.png", ".", Path("a.png")])) == ["./a.png", "./a.png", "a.png"]
