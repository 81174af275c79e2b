"""Where a model is taken from: a folder of your own, the cache, a package, a host; in this order."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from ocr_engine import ModelUnavailable
from ocr_engine.zoo.cache import Cache
from ocr_engine.zoo.config import ModelConfig
from ocr_engine.zoo.fetch import Limits
from ocr_engine.zoo.files import Origin
from ocr_engine.zoo.inventory import HashState, look_up
from ocr_engine.zoo.registry import Format, Host, by_name
from ocr_engine.zoo.resolve import PADDLE, Zoo
from tests.unit.zoo.conftest import MakePackage, with_packages
from tests.unit.zoo.mirror import Mirror, serve

NAME = "PP-OCRv5_server_det"
MODEL = with_packages(by_name(NAME))
ONNX = f"{NAME}_onnx"
CONFIG = f"Global: {{model_name: {NAME}}}\n".encode()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    with serve({f"/{ONNX}/inference.onnx": b"downloaded", f"/{ONNX}/inference.yml": CONFIG}) as running:
        yield running


def zoo_at(folder: Path, *hosts: Host, paddlex: Path | None = None) -> Zoo:
    return Zoo(cache=Cache(folder / "cache"), hosts=hosts, limits=Limits(total_s=60), paddlex_cache_dir=paddlex)


def write(folder: Path, **files: bytes) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name.replace("__", ".")).write_bytes(content)
    return folder


def test_the_order_is_folder_then_cache_then_package_then_host(
    tmp_path: Path, mirror: Mirror, package: MakePackage
) -> None:
    zoo = zoo_at(tmp_path, mirror.host())
    model = with_packages(MODEL, package("zoo_weights", Format.ONNX, model=b"packaged"))
    mine = write(tmp_path / "mine", inference__onnx=b"mine")

    from_package = zoo.resolve(model)
    downloaded = zoo.resolve(MODEL)
    from_cache = zoo.resolve(model)
    from_folder = zoo.resolve(model, directory=mine)

    assert (from_package.origin, from_package.read()) == (Origin.PACKAGE, b"packaged")
    assert (downloaded.origin, downloaded.read()) == (Origin.CACHE, b"downloaded")
    assert (from_cache.origin, from_cache.read()) == (Origin.CACHE, b"downloaded")
    assert (from_folder.origin, from_folder.read()) == (Origin.DIRECTORY, b"mine")
    assert from_folder.label == f"{NAME}@{sha256(b'mine').hexdigest()}"
    assert mirror.counts[f"/{ONNX}/inference.onnx"] == 1


@pytest.mark.parametrize(
    ("files", "formats", "expected"),
    [
        ({"inference__onnx": b"w"}, [Format.ONNX], Format.ONNX),
        ({"det__onnx": b"w"}, [Format.ONNX], Format.ONNX),
        ({"inference__json": b"g", "inference__pdiparams": b"w"}, PADDLE, Format.PADDLE_PIR),
        ({"inference__pdmodel": b"g", "inference__pdiparams": b"w"}, PADDLE, Format.PADDLE_LEGACY),
        (
            {"inference__pdmodel": b"g", "inference__pdiparams": b"w", "inference__json": b"g"},
            PADDLE,
            Format.PADDLE_PIR,
        ),
    ],
)
def test_the_format_of_a_folder_is_seen_from_its_files(
    tmp_path: Path, files: dict[str, bytes], formats: list[Format], expected: Format
) -> None:
    found = zoo_at(tmp_path).resolve(MODEL, directory=write(tmp_path / "mine", **files), formats=formats)
    assert found.format is expected
    assert found.sha256 == sha256(b"w").hexdigest()
    assert found.read() == b"w"
    assert (found.params is not None) == (expected is not Format.ONNX)


@pytest.mark.parametrize(
    ("files", "formats", "words"),
    [
        ({}, [Format.ONNX], r"no inference\.onnx"),
        ({"a__onnx": b"", "b__onnx": b""}, [Format.ONNX], r"no inference\.onnx"),
        ({"inference__json": b"g"}, PADDLE, r"no inference\.json or inference\.pdmodel"),
        (
            {"inference__onnx": b"w", "inference__yml": b"Global: {model_name: UVDoc}"},
            [Format.ONNX],
            "belongs to UVDoc",
        ),
        ({"inference__onnx": b"w", "inference__yml": b"["}, [Format.ONNX], "not a model description"),
    ],
)
def test_a_folder_that_is_not_the_model_s_is_refused(
    tmp_path: Path, files: dict[str, bytes], formats: list[Format], words: str
) -> None:
    with pytest.raises(ModelUnavailable, match=words):
        zoo_at(tmp_path).resolve(MODEL, directory=write(tmp_path / "mine", **files), formats=formats)


def test_weights_that_change_after_they_were_found_are_not_read(tmp_path: Path) -> None:
    mine = write(tmp_path / "mine", inference__onnx=b"mine")
    files = zoo_at(tmp_path).resolve(MODEL, directory=mine)
    write(mine, inference__onnx=b"other")
    with pytest.raises(ModelUnavailable, match="changed while"):
        files.read()


def test_an_altered_package_is_passed_over_for_a_whole_one(tmp_path: Path, package: MakePackage) -> None:
    altered = package("zoo_altered", Format.ONNX, model=b"packaged")
    write(tmp_path / "site" / "zoo_altered", model=b"packagee")
    whole = package("zoo_whole", Format.ONNX, model=b"whole", config=CONFIG)
    files = zoo_at(tmp_path).resolve(with_packages(MODEL, altered, whole))
    assert (files.where, files.config.model_name) == ("zoo_whole==1.0", NAME)
    with pytest.raises(ModelUnavailable, match=r"altered.*pip install --force-reinstall zoo_altered==1\.0"):
        zoo_at(tmp_path).resolve(with_packages(MODEL, altered))


@pytest.mark.parametrize("role", ["params", "config", "dictionary"])
def test_every_file_of_a_package_is_checked(tmp_path: Path, package: MakePackage, role: str) -> None:
    contents = {"model": b"m", "params": b"p", "config": CONFIG, "dictionary": b"a\n"}
    altered = package("zoo_altered", Format.PADDLE_LEGACY, **contents)
    write(tmp_path / "site" / "zoo_altered", **{role: b"changed"})
    with pytest.raises(ModelUnavailable, match="altered"):
        zoo_at(tmp_path).resolve(with_packages(MODEL, altered), formats=PADDLE)


def test_the_dictionary_of_a_package_becomes_the_characters(tmp_path: Path, package: MakePackage) -> None:
    keys = "blank\n\u3000\n'\n#\n \n".encode()
    carrier = package("zoo_keys", Format.ONNX, model=b"m", dictionary=keys, is_whole=True)
    assert zoo_at(tmp_path).resolve(with_packages(MODEL, carrier)).config.characters == ("\u3000", "'", "#")


def test_a_model_in_the_cache_of_paddlex_is_used_and_left_as_it_is(tmp_path: Path) -> None:
    paddlex = tmp_path / "paddlex"
    folder = write(paddlex / "official_models" / NAME, inference__json=b"g", inference__pdiparams=b"w")
    files = zoo_at(tmp_path, paddlex=paddlex).resolve(MODEL, formats=PADDLE)
    assert files.directory == folder
    assert sorted(path.name for path in folder.iterdir()) == ["inference.json", "inference.pdiparams"]


def test_what_was_put_into_the_cache_by_hand_is_used(tmp_path: Path) -> None:
    zoo = zoo_at(tmp_path)
    write(zoo.cache.directory(ONNX), inference__onnx=b"by hand")
    files = zoo.resolve(MODEL)
    assert (files.origin, files.config) == (Origin.CACHE, ModelConfig())
    assert [copy.state for copy in look_up(zoo, MODEL).copies] == [HashState.UNKNOWN]


def test_a_damaged_cache_is_repaired_from_a_host_and_named_without_one(tmp_path: Path, mirror: Mirror) -> None:
    zoo = zoo_at(tmp_path, mirror.host())
    folder = zoo.resolve(MODEL).directory
    write(folder, inference__onnx=b"downloadee")
    with pytest.raises(ModelUnavailable, match=r"inference\.onnx is damaged .* no host \(offline\)"):
        zoo_at(tmp_path).resolve(MODEL)
    assert zoo.resolve(MODEL).read() == b"downloaded"


def test_a_format_that_nobody_publishes_is_an_error_that_says_which_there_are(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="its publisher offers paddle_pir, and this engine reads onnx"):
        zoo_at(tmp_path).resolve(by_name("PP-OCRv4_server_det"))


def test_a_package_that_would_do_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="It also comes with: pip install rapidocr-onnxruntime==1"):
        zoo_at(tmp_path).resolve(by_name("PP-OCRv4_mobile_det"))
