"""An engine with models of one's own: what is beside the weights is used."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import yaml

from ocr_engine import EngineOptions, ModelUnavailable, OCREngine
from ocr_engine.runtimes.plan import plan_runtime
from ocr_engine.runtimes.select import open_onnx
from ocr_engine.zoo.registry import Module, find
from ocr_engine.zoo.resolve import Zoo
from tests.unit.engine.drawing import bgr, sheet
from workers.cli import main

NAME = "PP-OCRv6_small_rec"
KEY = b"\x0a\x09character"


@pytest.fixture
def official_folder(tmp_path: Path) -> Path:
    """The recogniser as it is published: no dictionary in the weights, but one in inference.yml."""
    files = Zoo.at(tmp_path / "cache", "offline").resolve(find(Module.TEXT_RECOGNITION, NAME))
    content = files.read()
    characters = (
        open_onnx(plan_runtime(EngineOptions(), threads=1), files).metadata["character"].removesuffix("\n").split("\n")
    )
    assert content.count(KEY) == 1
    folder = tmp_path / "rec"
    folder.mkdir()
    (folder / "rec.onnx").write_bytes(content.replace(KEY, b"\x0a\x09forgotten"))
    post = {"name": "CTCLabelDecode", "character_dict": characters}
    description = {"Global": {"model_name": NAME}, "PostProcess": post}
    (folder / "inference.yml").write_text(yaml.safe_dump(description, allow_unicode=True), encoding="utf-8")
    return folder


def texts(engine: OCREngine) -> tuple[str, ...]:
    return tuple(engine.predict_page(bgr(sheet())).json["res"]["rec_texts"])


def test_the_dictionary_beside_the_weights_reads_as_the_one_in_them(engine: OCREngine, official_folder: Path) -> None:
    with OCREngine(cpu_threads=2, text_recognition_model_dir=official_folder) as own:
        assert texts(own) == texts(engine)


def test_weights_with_no_dictionary_anywhere_are_refused(official_folder: Path) -> None:
    (official_folder / "inference.yml").unlink()
    with pytest.raises(ModelUnavailable, match="dictionary"):
        OCREngine(text_recognition_model_dir=official_folder)


def test_an_engine_that_may_not_download_says_how_to_get_the_model(tmp_path: Path) -> None:
    with pytest.raises(
        ModelUnavailable, match=r"PP-OCRv5_server_det is not here: .* To do it by hand, put inference\.onnx"
    ):
        OCREngine(text_detection_model_name="PP-OCRv5_server_det", model_cache_dir=tmp_path, model_source="offline")


@pytest.mark.usefixtures("logs_as_before")
def test_the_models_are_a_command_of_ocrfleet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["ocrfleet", "models", "list", "--cache-dir", str(tmp_path)])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code in (0, None)
    assert "50 models" in capsys.readouterr().out
