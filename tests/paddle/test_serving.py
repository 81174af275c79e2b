"""`POST /ocr` beside `paddlex --serve` on the same weights: the same JSON, but for the last digits of scores."""

from __future__ import annotations

import base64
import io
import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np
import pymupdf
import pytest
from PIL import Image

from benchmarks.drawn import sheet_of
from benchmarks.parity.cases import case_named
from ocr_engine import OCREngine
from ocr_engine.types import Image as Pixels
from tests.servers.process import ServerProcess, free_port
from workers.fleet.supervisor import System

# The libraries warn about their own imports.
pytestmark = pytest.mark.filterwarnings("default")

PDF, IMAGE = 0, 1
STARTED_S = 120.0  # PaddleX imports for half a minute on a busy machine
SCORE_DIGITS = 5
_mupdf: Any = pymupdf  # Any: the library is not annotated


@dataclass(frozen=True, kw_only=True)
class Pair:
    """The reference and ours, both running."""

    reference: httpx.Client
    ours: httpx.Client

    # Any: answers are JSON.
    def infer(self, **fields: object) -> tuple[tuple[int, Any], tuple[int, Any]]:
        answers = [http.post("/ocr", json=fields) for http in (self.reference, self.ours)]
        theirs, ours = ((answer.status_code, answer.json()) for answer in answers)
        return theirs, ours


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    folder = tmp_path_factory.mktemp("serving")
    models = folder / "models"
    models.mkdir()
    options = {**case_named("turned").options(models), "profile": "paddleocr-3.7"}
    config = folder / "OCR.yaml"
    with OCREngine(**options) as loaded:
        loaded.export_paddlex_config_to_yaml(str(config))
    font = folder / "font.ttf"
    font.write_bytes(_mupdf.Font("cjk").buffer)
    port = free_port()
    environment = {
        **os.environ,
        "PADDLE_PDX_LOCAL_FONT_FILE_PATH": str(font),  # the reference would fetch one
        "PADDLE_PDX_DISABLE_MODEL_SOURCE_CHECK": "True",
    }
    command = [str(Path(sys.executable).with_name("paddlex")), "--serve", "--pipeline", str(config)]
    command += ["--host", "127.0.0.1", "--port", str(port), "--device", "cpu"]
    server = ServerProcess(command, folder / "paddlex.log", environment)
    address = f"http://127.0.0.1:{port}"
    own_options = {name: value for name, value in options.items() if name != "device"}
    ours = {"OCRFLEET_WORKER_OPTIONS": json.dumps(own_options, default=str)}
    try:
        server.wait_until(lambda: _is_healthy(address), timeout_s=STARTED_S)
        with (
            System(data_dir=folder / "data", port=0, processes=1, environment=ours) as system,
            httpx.Client(base_url=address, timeout=120) as theirs,
            httpx.Client(base_url=system.server, timeout=120) as own,
        ):
            yield Pair(reference=theirs, ours=own)
    finally:
        server.kill()


def _is_healthy(address: str) -> bool:
    with suppress(httpx.TransportError):
        return httpx.get(f"{address}/health").is_success
    return False


def page(seed: int) -> Pixels:
    return sheet_of(seed).pixels[:400]


def encoded(pixels: Pixels, suffix: str = ".png") -> str:
    return base64.b64encode(cv2.imencode(suffix, pixels)[1].tobytes()).decode()


def pdf_of(*pages: Pixels) -> str:
    """Each page at 72 dpi in whole points, so that both renderers show the same pixels twice as large."""
    with _mupdf.open() as made:
        for pixels in pages:
            height, width = pixels.shape[:2]
            sheet = made.new_page(width=width, height=height)
            sheet.insert_image(sheet.rect, stream=cv2.imencode(".png", pixels)[1].tobytes())
        return base64.b64encode(made.tobytes()).decode()


def rounded(value: object) -> object:
    """Scores to the digits in which two builds of one library agree."""
    if isinstance(value, float):
        return round(value, SCORE_DIGITS)
    if isinstance(value, Mapping):
        return {key: rounded(item) for key, item in value.items()}
    return [rounded(item) for item in value] if isinstance(value, list) else value


def assert_same(theirs: tuple[int, Any], ours: tuple[int, Any]) -> None:
    """Equal to the order of the keys, but for a `logId` that is drawn, and for what is in a JPEG."""
    assert ours[0] == theirs[0]
    assert json.dumps(_comparable(ours[1])) == json.dumps(_comparable(theirs[1]))


def _comparable(body: dict[str, Any]) -> object:
    copy = json.loads(json.dumps(body))
    if copy["logId"] != "mine":
        assert len(copy["logId"]) == 36
        copy["logId"] = ""
    for found in copy.get("result", {}).get("ocrResults", []):
        for name in ("ocrImage", "docPreprocessingImage"):  # set in different typefaces
            if name in found:
                with Image.open(io.BytesIO(base64.b64decode(found[name]))) as picture:
                    found[name] = [picture.format, *picture.size]
    return rounded(copy)


@pytest.mark.parametrize("seed", [0, 3, 7])  # the second and third are turned
def test_an_image_has_the_same_answer(pair: Pair, seed: int) -> None:
    theirs, ours = pair.infer(file=encoded(page(seed)), fileType=IMAGE, logId="mine")
    assert theirs[1]["result"]["ocrResults"][0]["prunedResult"]["rec_texts"]
    assert_same(theirs, ours)


def test_a_large_image_is_shrunk_alike(pair: Pair) -> None:
    large = np.asarray(cv2.resize(page(1), None, fx=2.2, fy=2.2), dtype=np.uint8)
    assert_same(*pair.infer(file=encoded(large), fileType=IMAGE, logId="mine"))


def test_options_and_switches_have_the_same_answer(pair: Pair) -> None:
    options = {
        "useDocOrientationClassify": False,
        "useTextlineOrientation": False,
        "textDetLimitSideLen": 320,
        "textDetLimitType": "max",
        "textDetThresh": 0.4,
        "textDetBoxThresh": 0.5,
        "textDetUnclipRatio": 2.0,
        "textRecScoreThresh": 0.9,
        "returnWordBox": False,
        "visualize": False,
    }
    assert_same(*pair.infer(file=encoded(page(0), ".jpg"), fileType=IMAGE, **options))


def test_a_document_of_pages_has_the_same_answer_but_for_its_rendering(pair: Pair) -> None:
    """Twelve pages, of which ten are read. PDFium and MuPDF differ in the grey of edges, so boxes and scores may."""
    (status, theirs), (own_status, ours) = pair.infer(file=pdf_of(*[page(0)[:120]] * 12), fileType=PDF, visualize=False)
    assert status == own_status == 200
    assert ours["result"]["dataInfo"] == theirs["result"]["dataInfo"]
    assert ours["result"]["dataInfo"]["numPages"] == 10
    for found, expected in zip(ours["result"]["ocrResults"], theirs["result"]["ocrResults"], strict=True):
        assert list(found) == list(expected) == ["prunedResult"]
        assert list(found["prunedResult"]) == list(expected["prunedResult"])
        assert found["prunedResult"]["rec_texts"] == expected["prunedResult"]["rec_texts"]


def test_frames_of_a_tiff_have_the_same_answer(pair: Pair) -> None:
    buffer = io.BytesIO()
    frames = [Image.fromarray(np.ascontiguousarray(page(seed)[:200, :, ::-1])) for seed in (0, 5)]
    frames[0].save(buffer, format="TIFF", save_all=True, append_images=frames[1:])
    assert_same(*pair.infer(file=base64.b64encode(buffer.getvalue()).decode(), fileType=IMAGE, visualize=False))


def test_a_page_without_text_has_the_same_answer(pair: Pair) -> None:
    blank = np.full((120, 200, 3), 255, dtype=np.uint8)
    assert_same(*pair.infer(file=encoded(blank), fileType=IMAGE, visualize=False))


MISTAKES: dict[str, dict[str, object]] = {
    "nothing": {},
    "a wrong type": {"file": "x", "fileType": 2, "visualize": "perhaps", "logId": "mine"},
    "no type": {"file": "QUJD", "logId": "mine"},
    "an unknown ending": {"file": "https://example.com/page.xyz"},
    "not Base64": {"file": "abcde", "fileType": IMAGE},
    "not an image": {"file": "QUJD", "fileType": IMAGE},
    "not a PDF": {"file": "QUJD", "fileType": PDF},
    "an image as a PDF": {"file": encoded(np.zeros((8, 8, 3), dtype=np.uint8)), "fileType": PDF},
}


@pytest.mark.parametrize("fields", MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_has_the_same_answer(pair: Pair, fields: dict[str, object]) -> None:
    assert_same(*pair.infer(**fields))


@pytest.mark.parametrize(
    "body", [b"", b'{"file": ', b"[1]", b"null", b'{"file": 5}', b'{"file": ' + b"9" * 5000 + b"}"]
)
def test_a_body_that_is_no_request_has_the_same_answer(pair: Pair, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    theirs, ours = (http.post("/ocr", content=body, headers=headers) for http in (pair.reference, pair.ours))
    assert_same((theirs.status_code, theirs.json()), (ours.status_code, ours.json()))


def test_health_has_the_same_answer(pair: Pair) -> None:
    theirs, ours = (http.get("/health") for http in (pair.reference, pair.ours))
    assert_same((theirs.status_code, theirs.json()), (ours.status_code, ours.json()))
