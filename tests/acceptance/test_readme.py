"""Every command of the README, run as it stands there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from producer.settings import Settings
from tests.acceptance.conftest import nothing_is_left
from workers.demo.samples import draw
from workers.fleet.supervisor import System
from workers.settings import WorkerSettings

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
SHELL = [
    line.partition("#")[0].strip()
    for block in re.findall(r"```sh\n(.*?)```", README, re.S)
    for line in block.splitlines()
]
VERBS = [line for line in SHELL if line.startswith("make ")]
COMMANDS = [line for line in SHELL if line.startswith("ocrfleet ")]
PYTHON = re.findall(r"```python\n(.*?)```", README, re.S)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The documents that the README names."""
    (tmp_path / "scan.pdf").write_bytes(draw("report.pdf").data)
    (tmp_path / "photo.jpg").write_bytes(draw("receipt.jpg").data)
    return tmp_path


def run(command: list[str], *, system: System, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = system.environment | {"OCRFLEET_SERVER": system.server}
    if "connect" in command[-1]:
        del environment["OCRFLEET_SERVER"]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


def test_the_readme_has_nothing_that_is_not_tested_here() -> None:
    assert set(SHELL) == {*VERBS, *COMMANDS, ". .venv/bin/activate"}
    assert (len(VERBS), len(COMMANDS), len(PYTHON)) == (3, 4, 3)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_the_readme_works(command: str, system: System, folder: Path) -> None:
    done = run([sys.executable, "-m", "workers", *command.split()[1:]], system=system, folder=folder)
    assert done.returncode == 0, done.stderr
    if "--out" in command or "--save_path" in command:
        assert any((folder / "results").iterdir())


@pytest.mark.parametrize("code", PYTHON)
def test_a_python_example_of_the_readme_works(code: str, system: System, folder: Path) -> None:
    done = run([sys.executable, "-c", code], system=system, folder=folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_of_the_readme_is_one_of_the_makefiles(verb: str) -> None:
    done = subprocess.run([*verb.split(), "-n"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_demo_reads_its_samples_well_and_leaves_nothing_behind(tmp_path: Path) -> None:
    """What `make demo` runs after its set-up."""
    command = [sys.executable, "-m", "workers", "demo", "--out", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    for sample in ("report.pdf", "receipt.jpg", "notice.png", "scan-rotated.jpg"):
        assert re.search(rf"{sample}\W+succeeded", done.stdout)
    assert done.stdout.count("job.succeeded") == 4
    assert "Riverside Library" in done.stdout
    nothing_is_left(tmp_path)


def test_every_setting_is_in_the_readme_and_described() -> None:
    for name, field in Settings.model_fields.items():
        assert name.upper() in README, name
        assert field.description
    assert all(field.description for field in WorkerSettings.model_fields.values())
