"""`POST /ocr` and `GET /health`: what a client of PaddleX sends and gets, by the real API and a real worker."""

from __future__ import annotations

import base64
import io
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from producer.client import OcrFleetClient
from workers.demo.samples import draw
from workers.fleet.supervisor import System

# The seed document's sample, but for the address, which there is http://localhost:8080/ocr.
SEED_CLIENT = """
import base64
import requests

API_URL = "{address}/ocr"
file_path = "./demo.jpg"

with open(file_path, "rb") as file:
    file_bytes = file.read()
    file_data = base64.b64encode(file_bytes).decode("ascii")

payload = {{"file": file_data, "fileType": 1}}

response = requests.post(API_URL, json=payload)

assert response.status_code == 200
result = response.json()["result"]
for i, res in enumerate(result["ocrResults"]):
    print(res["prunedResult"])
    ocr_img_path = f"ocr_{{i}}.jpg"
    with open(ocr_img_path, "wb") as f:
        f.write(base64.b64decode(res["ocrImage"]))
    print(f"Output image saved at {{ocr_img_path}}")
"""
NOTICE = base64.b64encode(draw("notice.png").data).decode()
REPORT = base64.b64encode(draw("report.pdf").data).decode()
PDF, IMAGE = 0, 1


@pytest.fixture(scope="module")
def http(system: System) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=system.server, timeout=120) as http:
        yield http


# Any: the answer is JSON.
def infer(http: httpx.Client, **fields: object) -> tuple[int, Any]:
    answer = http.post("/ocr", json=fields)
    return answer.status_code, answer.json()


def picture(text: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(text)))


def test_the_seeds_client_runs_unchanged(system: System, tmp_path: Path) -> None:
    (tmp_path / "demo.jpg").write_bytes(draw("receipt.jpg").data)
    code = SEED_CLIENT.format(address=system.server)
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Harbour" in done.stdout
    with Image.open(tmp_path / "ocr_0.jpg") as image:
        assert image.format == "JPEG"


def test_an_image_is_answered_with_all_of_paddlexs_fields_and_none_of_ours(http: httpx.Client) -> None:
    status, body = infer(http, file=NOTICE, fileType=IMAGE, logId="mine", unknownField=1)
    assert status == 200
    assert (body["logId"], body["errorCode"], body["errorMsg"]) == ("mine", 0, "Success")
    assert set(body) == {"logId", "errorCode", "errorMsg", "result"}
    (found,) = body["result"]["ocrResults"]
    assert set(found) == {"prunedResult", "ocrImage", "docPreprocessingImage", "inputImage"}
    given = Image.open(io.BytesIO(base64.b64decode(NOTICE)))
    assert body["result"]["dataInfo"] == {"width": given.width, "height": given.height, "type": "image"}
    assert picture(found["inputImage"]).size == given.size
    assert max(picture(found["ocrImage"]).size) <= 2000
    pruned = found["prunedResult"]
    assert list(pruned)[:3] == ["model_settings", "doc_preprocessor_res", "dt_polys"]
    assert {"input_path", "page_index"} & {*pruned, *pruned["doc_preprocessor_res"]} == set()
    assert "滨江图书馆开放公告" in pruned["rec_texts"]


def test_a_pdf_is_answered_page_by_page_and_pictures_can_be_left_out(http: httpx.Client) -> None:
    status, body = infer(http, file=REPORT, fileType=PDF, visualize=False, returnWordBox=True)
    assert status == 200
    assert [set(page) for page in body["result"]["ocrResults"]] == [{"prunedResult"}] * 3
    assert body["result"]["dataInfo"]["type"] == "pdf"
    assert body["result"]["dataInfo"]["numPages"] == 3
    assert all(set(size) == {"width", "height"} for size in body["result"]["dataInfo"]["pages"])
    assert all(page["prunedResult"]["text_word"] for page in body["result"]["ocrResults"])
    assert len(body["logId"]) == 36


def test_options_reach_the_worker_and_modules_can_be_switched_off(http: httpx.Client) -> None:
    options = {"textDetThresh": 0.4, "textDetLimitSideLen": 640, "textDetLimitType": "max", "textRecScoreThresh": 0.5}
    status, body = infer(
        http, file=NOTICE, fileType=IMAGE, useDocOrientationClassify=False, useTextlineOrientation=False, **options
    )
    assert status == 200
    (found,) = body["result"]["ocrResults"]
    assert set(found) == {"prunedResult", "ocrImage", "inputImage"}
    params = found["prunedResult"]["text_det_params"]
    assert (params["thresh"], params["limit_side_len"], params["limit_type"]) == (0.4, 640, "max")
    assert found["prunedResult"]["model_settings"] == {"use_doc_preprocessor": False, "use_textline_orientation": False}
    assert found["prunedResult"]["text_rec_score_thresh"] == 0.5


def test_a_tiff_of_many_frames_is_a_document_of_which_ten_are_read(http: httpx.Client) -> None:
    buffer = io.BytesIO()
    frames = [Image.new("RGB", (64 + number, 48), "white") for number in range(12)]
    frames[0].save(buffer, format="TIFF", save_all=True, append_images=frames[1:])
    status, body = infer(http, file=base64.b64encode(buffer.getvalue()).decode(), fileType=IMAGE, visualize=False)
    assert status == 200
    info = body["result"]["dataInfo"]
    assert (info["type"], info["numPages"], len(body["result"]["ocrResults"])) == ("tiff", 10, 10)
    assert info["pages"][9] == {"width": 73, "height": 48}


WRONG: dict[str, tuple[dict[str, object], int, str]] = {
    "no file": ({}, 422, '[{"type": "missing", "loc": "body.file", "msg": "Field required"}]'),
    "a wrong type": ({"file": "x", "fileType": 2}, 422, '"loc": "body.fileType"'),
    "no type": ({"file": NOTICE}, 422, "File type cannot be determined"),
    "an unknown ending": ({"file": "https://example.com/page.xyz"}, 422, "Unsupported file type"),
    "not Base64": ({"file": "abcde", "fileType": IMAGE}, 422, "Invalid input file"),
    "a PDF as an image": ({"file": REPORT, "fileType": IMAGE}, 422, "Invalid input file"),
    "an image as a PDF": ({"file": NOTICE, "fileType": PDF}, 422, "Invalid input file"),
    "half an image": ({"file": NOTICE[: len(NOTICE) // 8 * 4], "fileType": IMAGE}, 422, "Invalid input file"),
    "a bad option": ({"file": NOTICE, "fileType": IMAGE, "textDetLimitType": "mid"}, 422, "body.textDetLimitType"),
}


@pytest.mark.parametrize(("fields", "status", "words"), WRONG.values(), ids=WRONG.keys())
def test_a_mistake_is_answered_in_paddlexs_form(
    http: httpx.Client, fields: dict[str, object], status: int, words: str
) -> None:
    found, body = infer(http, logId="mine", **fields)
    assert found == status
    assert set(body) == {"logId", "errorCode", "errorMsg"}
    assert (body["logId"], body["errorCode"]) == ("mine", status)
    assert words in body["errorMsg"]


@pytest.fixture
def web(tmp_path: Path) -> Iterator[str]:
    """The address of a folder with a page in it."""
    (tmp_path / "page.png").write_bytes(draw("notice.png").data)
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_document_is_fetched_from_its_address_and_its_ending_tells_its_type(http: httpx.Client, web: str) -> None:
    status, body = infer(http, file=f"{web}/page.png?version=1", visualize=False)
    assert status == 200
    assert "滨江图书馆开放公告" in body["result"]["ocrResults"][0]["prunedResult"]["rec_texts"]
    assert infer(http, file=f"{web}/page.png", fileType=PDF, logId="a")[1]["errorMsg"] == "Invalid input file"
    assert infer(http, file=f"{web}/nothing.png", logId="a")[1]["errorMsg"] == "Invalid input file"


def test_a_body_that_is_no_json_is_answered_in_paddlexs_form(http: httpx.Client) -> None:
    answer = http.post("/ocr", content=b'{"file": ', headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert json.loads(answer.json()["errorMsg"])[0]["type"] == "json_invalid"
    number = http.post("/ocr", content=b'{"file": ' + b"9" * 5000 + b"}")
    assert (number.status_code, number.json()["errorMsg"]) == (400, "There was an error parsing the body")
    assert http.post("/ocr", content=b"").json()["errorMsg"] == (
        '[{"type": "missing", "loc": "body", "msg": "Field required"}]'
    )


def test_health_is_paddlexs(http: httpx.Client) -> None:
    body = http.get("/health").json()
    assert (body["errorCode"], body["errorMsg"], len(body["logId"])) == (0, "Healthy", 36)


def test_a_caller_that_goes_away_cancels_its_job(http: httpx.Client, client: OcrFleetClient) -> None:
    with pytest.raises(httpx.ReadTimeout):
        http.post("/ocr", json={"file": REPORT, "fileType": PDF, "visualize": False}, timeout=0.4)
    (newest,) = [job for job in client.jobs(limit=1).jobs if job.tag == "paddlex"]
    assert client.wait(newest.id, timeout_s=30).status.value == "cancelled"
