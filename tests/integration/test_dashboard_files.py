"""What the dashboard is made of, as the API serves it."""

from __future__ import annotations

import re
from importlib.resources import files

import httpx
import pytest

from producer.direct import Producer
from producer.settings import Settings
from tests.integration.serving import serving

FOLDER = files("producer.api") / "dashboard"
LARGEST_BYTES = 150_000


def test_the_page_names_every_file_it_needs_and_they_are_there(http: httpx.Client) -> None:
    page = http.get("/")
    assert (page.status_code, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    named = set(re.findall(r"/dashboard/([\w.]+)", page.text))
    assert named == {entry.name for entry in FOLDER.iterdir()} - {"index.html"}
    types = {http.get(f"/dashboard/{name}").headers["Content-Type"].partition(";")[0] for name in named}
    assert types == {"text/javascript", "text/css", "image/svg+xml"}


def test_all_of_it_is_small_and_names_no_other_server() -> None:
    bodies = [entry.read_bytes() for entry in FOLDER.iterdir()]
    assert sum(map(len, bodies)) < LARGEST_BYTES
    addresses = {address for body in bodies for address in re.findall(rb"https?://[\w.]+", body)}
    assert addresses == {b"http://www.w3.org"}  # the name of SVG


@pytest.mark.parametrize("path", ["/", "/dashboard/app.js"])
def test_a_file_that_is_known_is_not_sent_again(http: httpx.Client, path: str) -> None:
    first = http.get(path)
    again = http.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert first.headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize("name", ["nothing.js", "..%2fapp.py", "__init__.py"])
def test_nothing_else_is_served(http: httpx.Client, name: str) -> None:
    assert http.get(f"/dashboard/{name}").status_code == 404


def test_it_is_open_where_the_api_asks_for_a_key(producer: Producer) -> None:
    with serving(producer, Settings(api_key="sesame")) as address:
        assert httpx.get(f"{address}/").status_code == 200
        assert httpx.get(f"{address}/dashboard/app.js").status_code == 200
        assert httpx.get(f"{address}/v1/events").status_code == 401


@pytest.mark.parametrize("name", ["nothing.js", "redoc.standalone.js", "..%2f__init__.py"])
def test_the_description_s_page_is_open_too_with_its_own_files_alone(producer: Producer, name: str) -> None:
    with serving(producer, Settings(api_key="sesame")) as address:
        assert httpx.get(f"{address}/docs").status_code == 200
        assert httpx.get(f"{address}/docs/swagger-ui.css").status_code == 200
        assert httpx.get(f"{address}/docs/{name}").status_code == 404
