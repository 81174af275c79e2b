"""What the documents about deployment say can be done: run where it can be run here, else checked against the files."""

from __future__ import annotations

import configparser
import itertools
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.scaling import report as scaling
from benchmarks.sizing.report import tables
from producer.settings import Settings
from tests.deployment.commands import parse, unknown
from tests.deployment.dockerfile import DOCKERFILE, ROOT, read_stages

TEXTS = {name: (ROOT / name).read_text() for name in ("docs/deployment.md", "docs/sizing.md", "docker/README.md")}
DEPLOYMENT = TEXTS["docs/deployment.md"]
SHELL = [line for block in re.findall(r"```sh\n(.*?)```", DEPLOYMENT, re.S) for line in block.splitlines()]
INDENTED = re.findall(r"^    (docker .*)$", TEXTS["docker/README.md"], re.MULTILINE)
INLINE = re.findall(r"`(ocrfleet [a-z][^`]*)`", "".join(TEXTS.values()))
UNIT = ROOT / "docker" / "systemd" / "ocrfleet@.service"
SCALING = ROOT / "benchmarks" / "results" / "given" / "scaling.json"
FIGURES = ROOT / "benchmarks" / "results" / "given" / "sizing.json"


def beginning(*words: str) -> list[str]:
    return [line for line in SHELL + INDENTED if line.startswith(words)]


def test_every_command_is_of_a_kind_that_is_checked_here() -> None:
    known = ("ocrfleet ", "python3 -m venv ", "/opt/ocrfleet/bin/pip install ", "docker ", "kubectl ", "cp docker/")
    assert beginning(*known) == SHELL + INDENTED


@pytest.mark.parametrize("command", [*beginning("ocrfleet "), *INLINE])
def test_a_command_of_ours_is_one_that_the_program_has(command: str) -> None:
    parse(command.removeprefix("ocrfleet "))


@pytest.mark.parametrize("command", beginning("docker "))
def test_a_command_of_docker_names_targets_files_and_services_that_are_there(command: str) -> None:
    words = shlex.split(command)
    for flag, value in itertools.pairwise(words):
        if flag == "--target":
            assert value in read_stages(DOCKERFILE.read_text())
        if flag == "-f":
            assert (ROOT / value).is_file()
        if flag in ("--profile", "--scale"):
            assert value.partition("=")[0] in (ROOT / "docker" / "compose.yaml").read_text()


@pytest.mark.parametrize("command", beginning("kubectl kustomize"))
def test_what_needs_no_cluster_is_run(command: str) -> None:
    program, *arguments = shlex.split(command)
    kubectl = Path(sys.executable).with_name(program)
    done = subprocess.run([str(kubectl), *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "kind: Deployment" in done.stdout


def test_what_a_cluster_is_given_is_there() -> None:
    given = [shlex.split(command)[-1] for command in beginning("kubectl apply")]
    assert given.pop(1) == "secrets.yaml"  # the reader's own
    assert all((ROOT / path).exists() for path in given)


def test_packages_are_installed_from_a_lock_that_is_there() -> None:
    locks = [word for command in beginning("/opt/") for word in command.split() if word.endswith(".lock")]
    assert locks
    assert all((ROOT / lock).is_file() for lock in locks)


def test_settings_for_several_hosts_are_settings() -> None:
    (block,) = re.findall(r"```ini\n(.*?)```", DEPLOYMENT, re.S)
    named = [line.partition("=")[0] for line in block.splitlines()]
    assert "OCRFLEET_REDIS_URL" in named
    assert not unknown(named)
    assert not unknown(re.findall(r"`(OCRFLEET_\w+)`", "".join(TEXTS.values())))


def test_the_unit_of_systemd_ends_a_page_before_it_is_killed() -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]  # names of systemd have capitals
    unit.read(UNIT)
    service = unit["Service"]
    set_here = dict(word.split("=") for word in service["Environment"].split())
    assert not unknown(set_here)
    assert Settings.model_fields["page_timeout_s"].default < float(set_here["OCRFLEET_WORKER_STOP_S"])
    assert float(set_here["OCRFLEET_WORKER_STOP_S"]) < float(service["TimeoutStopSec"]) - 30
    assert (service["KillMode"], service["Restart"], service["NoNewPrivileges"]) == ("mixed", "always", "yes")
    assert service["ExecStart"].split() == ["/opt/ocrfleet/bin/ocrfleet", "$OCRFLEET_ARGUMENTS"]
    (example,) = re.findall(r"^#\s+OCRFLEET_ARGUMENTS=(.*)$", UNIT.read_text(), re.MULTILINE)
    assert parse(example) == "worker"


def test_every_table_of_the_sizing_document_is_worked_out_from_the_benchmark() -> None:
    for table in tables(FIGURES):
        assert table in TEXTS["docs/sizing.md"]


def test_the_table_of_what_a_second_process_adds_is_worked_out_from_the_benchmark() -> None:
    assert scaling.table(SCALING) in (ROOT / "docs" / "autoscaling.md").read_text()
