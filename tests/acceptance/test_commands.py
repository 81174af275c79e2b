"""The commands as a person types them, against a system that a person started."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pymupdf
import pytest
import redis

from producer.settings import Settings
from tests.acceptance.conftest import nothing_is_left, processes
from workers.demo.samples import draw

OCRFLEET = [sys.executable, "-m", "workers"]


@contextmanager
def up(folder: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`ocrfleet up` on a free port, and the address that it printed."""
    command = [*OCRFLEET, "up", "--port", "0", "--data-dir", str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        address = re.search(r"http://[\d.:]+", process.stdout.readline())
        assert address, "`up` said no address"
        yield process, address[0]
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=90)


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("up")
    with up(folder):
        yield folder


@pytest.fixture
def page(tmp_path: Path) -> Path:
    sample = draw("notice.png")
    path = tmp_path / sample.name
    path.write_bytes(sample.data)
    return path


def run(data_dir: Path | None, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "OCRFLEET_DATA_DIR": str(data_dir or "/nonexistent"), **settings}
    return subprocess.run(
        [*OCRFLEET, *arguments], env=environment, capture_output=True, text=True, timeout=120, check=False
    )


def test_submit_waits_shows_progress_and_downloads(data_dir: Path, page: Path, tmp_path: Path) -> None:
    done = run(data_dir, "submit", str(page), "--wait", "--out", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    assert "1/1 pages succeeded" in " ".join(done.stderr.split())
    job_id = done.stdout.split()[0]
    names = {path.name for path in (tmp_path / "out" / job_id).iterdir()}
    assert names == {"result.json", "00001.json", "00001_ocr_res_img.jpg"}


def test_every_output_that_was_asked_for_is_listed_and_downloaded(data_dir: Path, page: Path, tmp_path: Path) -> None:
    scan = tmp_path / "scan.pdf"
    with pymupdf.open() as made:
        sheet = made.new_page()
        sheet.insert_image(sheet.rect, filename=page)
        made.save(scan)
    asked = ["submit", str(page), str(scan), "--wait", "--json", "-o", str(tmp_path / "out")]
    jobs = json.loads(run(data_dir, *asked, "--outputs", "text,hocr,alto,pdf").stdout)
    for job in jobs:
        assert set(job["outputs"]) == {"json", "text", "hocr", "alto", "pdf"}
        folder = tmp_path / "out" / job["id"]
        exports = {"document.txt", "document.hocr", "document.alto.xml", "document.pdf"}
        assert {path.name for path in folder.iterdir()} == {"result.json", "00001.json", *exports}
        text = (folder / "document.txt").read_text(encoding="utf-8")
        assert "滨江图书馆" in text
        with pymupdf.open(folder / "document.pdf") as pdf:
            # Boxes that touch are one word to a reader of PDFs.
            assert "".join(pdf[0].get_text("text").split()) == "".join(text.split())


def test_every_command_prints_one_json_document_when_asked(data_dir: Path, page: Path) -> None:
    submitted = json.loads(run(data_dir, "submit", str(page), "--json", "--tag", "t", "--priority", "high").stdout)
    job_id = submitted["id"]
    waited = json.loads(run(data_dir, "wait", job_id, "--json").stdout)
    shown = json.loads(run(data_dir, "status", job_id, "--json").stdout)
    result = json.loads(run(data_dir, "result", job_id, "--json").stdout)
    cancelled = json.loads(run(data_dir, "cancel", job_id, "--json").stdout)
    assert waited == shown == cancelled
    assert (shown["status"], shown["tag"], result["job_id"]) == ("succeeded", "t", job_id)


def test_result_prints_the_text(data_dir: Path, page: Path) -> None:
    job_id = run(data_dir, "submit", str(page), "--wait").stdout.split()[0]
    text = run(data_dir, "result", job_id).stdout
    expected = draw("notice.png").pages[0].lines[0].text
    assert expected.replace(" ", "") in text.replace(" ", "")


def test_the_same_commands_work_over_http(page: Path, data_dir: Path) -> None:
    runtime = json.loads((data_dir / "runtime.json").read_text())
    with_server = {"OCRFLEET_SERVER": runtime["address"]}
    done = run(None, "submit", str(page), "--wait", "--json", **with_server)
    job = json.loads(done.stdout)
    assert job["status"] == "succeeded"
    assert json.loads(run(None, "result", job["id"], "--json", **with_server).stdout)["job_id"] == job["id"]


def test_exit_codes_tell_what_went_wrong(data_dir: Path, page: Path, tmp_path: Path) -> None:
    assert run(data_dir, "status", "0" * 32).returncode == 4
    assert run(data_dir, "submit", str(tmp_path / "absent.pdf")).returncode == 2
    assert run(data_dir, "submit", str(page), "--priority", "urgent").returncode == 2
    assert run(None, "status", "0" * 32).returncode == 3
    assert run(None, "status", "0" * 32, OCRFLEET_SERVER="http://127.0.0.1:1").returncode == 3
    job_id = json.loads(run(data_dir, "submit", str(page), "--device", "gpu", "--json").stdout)["id"]
    assert run(data_dir, "wait", job_id, "--timeout", "0.3").returncode == 5
    run(data_dir, "cancel", job_id)
    assert run(data_dir, "wait", job_id).returncode == 1


def test_jobs_that_were_made_are_told_of_when_a_command_fails_after_that(
    data_dir: Path, page: Path, tmp_path: Path
) -> None:
    half = run(data_dir, "submit", str(page), str(tmp_path / "none.png"), "--json")
    [made] = json.loads(half.stdout)["error"]["details"]["jobs"]
    assert (half.returncode, run(data_dir, "wait", made, "--timeout", "60").returncode) == (2, 0)
    late = run(data_dir, "submit", str(page), "--device", "gpu", "--wait", "--timeout", "0")
    waiting = late.stdout.split()[0]
    assert (late.returncode, run(data_dir, "cancel", waiting).returncode) == (5, 0)


def test_several_documents_under_one_key_are_the_same_jobs_again(data_dir: Path, page: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.png"
    other.write_bytes(page.read_bytes() + b"\0")
    first, again = (
        run(data_dir, "submit", str(page), str(other), "--idempotency-key", "two", "--json").stdout for _ in range(2)
    )
    ids = [[job["id"] for job in json.loads(told)] for told in (first, again)]
    assert ids[0] == ids[1]
    assert len(set(ids[0])) == 2


def test_a_file_whose_name_is_no_text_is_submitted_over_http_too(data_dir: Path, page: Path) -> None:
    odd = os.fsdecode(os.fsencode(page.parent) + b"/bad\xff.png")
    page.rename(odd)
    server = json.loads((data_dir / "runtime.json").read_text())["address"]
    done = run(None, "submit", odd, "--server", server)
    assert done.returncode == 0, done.stderr


def test_a_setting_that_cannot_be_is_named_without_its_value(data_dir: Path) -> None:
    for command in (("list",), ("settings",), ("up", "--port", "0"), ("worker",)):
        done = run(data_dir, *command, OCRFLEET_UNIT_PAGES="hidden-0")
        assert done.returncode == 2, (command, done.stderr)
        assert "OCRFLEET_UNIT_PAGES" in done.stderr
        assert "hidden" not in done.stdout + done.stderr
    assert run(data_dir, "up", "--devices", "tpu", "--port", "0").returncode == 2


def test_ocr_reads_without_a_queue(page: Path, tmp_path: Path) -> None:
    done = run(None, "ocr", "-i", str(page), "--save_path", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    assert {path.name for path in (tmp_path / "out").iterdir()} >= {"notice_res.json", "notice_ocr_res_img.png"}
    assert json.loads((tmp_path / "out" / "notice_res.json").read_text())["rec_texts"]


def test_a_worker_for_a_device_that_cannot_run_is_refused(data_dir: Path) -> None:
    done = run(data_dir, "worker", "--device", "gpu:0")
    assert done.returncode == 2
    assert "gpu:0" in done.stderr


def test_the_api_does_not_listen_to_the_world_without_a_key(data_dir: Path) -> None:
    done = run(data_dir, "api", "--host", "0.0.0.0")  # noqa: S104 -- refused, which is the point
    assert done.returncode == 2
    assert "OCRFLEET_API_KEY" in done.stderr


def test_jobs_survive_a_restart_of_everything(tmp_path: Path, page: Path) -> None:
    with up(tmp_path):
        waiting = json.loads(run(tmp_path, "submit", str(page), "--device", "gpu", "--json").stdout)["id"]
        done = json.loads(run(tmp_path, "submit", str(page), "--wait", "--json").stdout)["id"]
    nothing_is_left(tmp_path)
    with up(tmp_path):
        assert json.loads(run(tmp_path, "status", waiting, "--json").stdout)["status"] == "queued"
        assert json.loads(run(tmp_path, "result", done, "--json").stdout)["status"] == "succeeded"


def test_a_redis_that_lost_everything_is_recovered_while_the_system_runs(tmp_path: Path, page: Path) -> None:
    with up(tmp_path):
        done = json.loads(run(tmp_path, "submit", str(page), "--wait", "--json").stdout)
        waiting = json.loads(run(tmp_path, "submit", str(page), "--device", "gpu", "--json").stdout)
        with redis.Redis.from_url(json.loads((tmp_path / "runtime.json").read_text())["redis_url"]) as client:
            client.flushall()
        assert run(tmp_path, "status", done["id"]).returncode == 4
        found = json.loads(run(tmp_path, "recover", "--json").stdout)
        assert (found["restored"], found["requeued"]) == (1, 1)
        assert json.loads(run(tmp_path, "status", done["id"], "--json").stdout) == done
        assert json.loads(run(tmp_path, "status", waiting["id"], "--json").stdout)["status"] == "queued"
        assert run(tmp_path, "result", done["id"]).stdout
        assert run(tmp_path, "submit", str(page), "--wait", "--timeout", "60").returncode == 0


def test_a_data_directory_has_one_system_at_a_time(data_dir: Path) -> None:
    second = run(None, "up", "--port", "0", "--data-dir", str(data_dir))
    assert second.returncode == 3
    assert f"another `ocrfleet up` runs in {data_dir}" in second.stderr
    assert run(data_dir, "list").returncode == 0


def test_workers_are_built_with_the_options_of_their_setting(
    tmp_path: Path, page: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OCRFLEET_WORKER_OPTIONS", '{"use_doc_unwarping": true, "effort": 1}')
    monkeypatch.setenv("OCRFLEET_RUNTIME", "onnxruntime")
    monkeypatch.setenv("OCRFLEET_MODEL_SOURCE", "offline")
    monkeypatch.setenv("OCRFLEET_MODEL_DIR", str(tmp_path / "models"))
    with up(tmp_path):
        done = run(tmp_path, "submit", str(page), "--wait", "--json")
        job_id = json.loads(done.stdout)["id"]
        result = json.loads(run(tmp_path, "result", job_id, "--json").stdout)
        assert "UVDoc" in json.dumps(result["engine"])
        assert result["engine"]["runtime"].startswith("onnxruntime")
        foreign = json.loads(run(tmp_path, "submit", str(page), "--wait", "--json", "--option", "lang=ru").stdout)
        assert foreign["error"]["code"] == "model_unavailable"
        assert result["pages"][0]["result"]["model_settings"]["use_doc_preprocessor"]
        plain = run(tmp_path, "submit", str(page), "--wait", "--option", "use_doc_unwarping=false")
        assert plain.returncode == 0
    refused = run(tmp_path, "up", "--port", "0", OCRFLEET_WORKER_OPTIONS='{"device": "gpu"}')
    assert (refused.returncode, "OCRFLEET_WORKER_OPTIONS" in refused.stderr) == (2, True)


def test_a_job_is_read_with_the_modules_and_models_that_it_asks_for(data_dir: Path, page: Path) -> None:
    def models_of(*options: str) -> dict[str, str]:
        job = run(data_dir, "submit", str(page), "--wait", "--json", *(f"--option={one}" for one in options))
        assert job.returncode == 0, job.stderr
        result = json.loads(run(data_dir, "result", json.loads(job.stdout)["id"], "--json").stdout)
        assert any("Library" in text for text in result["pages"][0]["result"]["rec_texts"])
        return {step: name.partition("@")[0] for step, name in result["engine"]["models"].items()}

    own = models_of("lang=en")
    assert models_of("use_doc_unwarping=true") == own | {"doc_unwarping": "UVDoc"}
    pair = {"text_detection": "PP-OCRv5_mobile_det", "text_recognition": "PP-OCRv5_mobile_rec"}
    named = models_of(*(f"{step}_model_name={name}" for step, name in pair.items()))
    assert named == {step: name for step, name in own.items() if step != "quick_text_detection"} | pair
    assert models_of() == own


def test_a_job_that_asks_for_a_model_that_is_none_says_so(data_dir: Path, page: Path) -> None:
    done = run(
        data_dir, "submit", str(page), "--wait", "--json", "--option", "text_recognition_model_name=PP-OCRv9_rec"
    )
    error = json.loads(done.stdout)["error"]
    assert (done.returncode, error["code"]) == (1, "invalid_request")
    assert "PP-OCRv9_rec" in error["message"]
    refused = run(data_dir, "submit", str(page), "--option", "lang=english")
    assert (refused.returncode, "no language code" in refused.stderr) == (2, True)


def test_nothing_is_left_behind_when_up_is_killed(tmp_path: Path) -> None:
    with up(tmp_path) as (process, address):
        assert httpx.get(f"{address}/health/ready").is_success
        process.kill()
        nothing_is_left(tmp_path, within_s=60)


def test_settings_show_every_variable_and_no_secret(data_dir: Path) -> None:
    secret = json.loads((data_dir / "runtime.json").read_text())
    password = secret["redis_url"].partition("://:")[2].partition("@")[0]
    shown = run(data_dir, "settings", OCRFLEET_API_KEY="sesame")
    listed = json.loads(run(data_dir, "settings", "--json").stdout)
    assert "OCRFLEET_MAX_FILE_BYTES=209715200" in shown.stdout
    assert set(listed) == {f"OCRFLEET_{name.upper()}" for name in Settings.model_fields}
    for hidden in ("sesame", password, secret["webhook_secret"]):
        assert hidden not in shown.stdout + json.dumps(listed)


def test_a_node_that_dies_is_started_again(tmp_path: Path, page: Path) -> None:
    with up(tmp_path):
        [node] = [pid for pid, command in celery_nodes(tmp_path).items() if "ocr.cpu" in command]
        os.kill(node, signal.SIGKILL)
        done = run(tmp_path, "submit", str(page), "--wait", "--timeout", "90")
        assert done.returncode == 0, done.stderr


def celery_nodes(folder: Path) -> dict[int, str]:
    """Main processes of the Celery nodes of a system, with their command lines."""
    return {pid: command for pid, command in processes(folder).items() if "--hostname" in command}
