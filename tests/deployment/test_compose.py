"""The Compose files: valid by the specification's schema, and every service of ours as little able as it can be."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from producer.settings import Settings
from tests.deployment.commands import parse, unknown
from tests.deployment.dockerfile import DOCKERFILE, ROOT, read_stages

FOLDER = ROOT / "docker"
FILES = ("compose.yaml", "compose.gpu.yaml", "compose.npu.yaml")
EXAMPLE = dict(
    line.split("=", 1) for line in (FOLDER / "example.env").read_text().splitlines() if not line.startswith("#")
)


def services(file: str) -> Mapping[str, Any]:  # Any: YAML
    """The services of a file with their own image, those of another file's service included."""
    found = {}
    for name, service in yaml.safe_load((FOLDER / file).read_text())["services"].items():
        extended = service.get("extends")
        base = services(extended["file"])[extended["service"]] if extended else {}
        found[name] = base | service
    return found


def ours() -> dict[str, Any]:
    return {
        f"{file}-{name}": service
        for file in FILES
        for name, service in services(file).items()
        if str(service["image"]).startswith("ocrfleet-")
    }


OURS = ours()
MAIN = services("compose.yaml")


@pytest.mark.parametrize("file", FILES)
def test_a_file_is_what_the_compose_specification_allows(file: str) -> None:
    checker = Path(sys.executable).with_name("check-jsonschema")
    command = [str(checker), "--builtin-schema", "vendor.compose-spec", str(FOLDER / file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_system_is_there_and_its_parts_are_images_of_the_dockerfile() -> None:
    assert {"redis", "s3", "api", "io", "cpu"} <= set(MAIN)
    targets = {name: service["build"]["target"] for name, service in OURS.items()}
    assert set(targets.values()) == {"api", "io", "cpu", "gpu", "npu"} <= set(read_stages(DOCKERFILE.read_text()))
    assert all(service["image"] == f"ocrfleet-{targets[name]}" for name, service in OURS.items())


@pytest.mark.parametrize("service", OURS.values(), ids=OURS)
def test_a_container_of_ours_can_do_little(service: Mapping[str, Any]) -> None:
    assert service["read_only"] is True
    assert [mount.partition(":")[0] for mount in service["tmpfs"]] == ["/tmp", "/home/ocrfleet/.cache"]  # noqa: S108
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "user", "cap_add", "network_mode"} & set(service)


@pytest.mark.parametrize("service", OURS.values(), ids=OURS)
def test_a_service_runs_a_command_and_settings_that_the_program_has(service: Mapping[str, Any]) -> None:
    if "entrypoint" in service:  # a command of its own
        compile(service["command"][0], "compose.yaml", "exec")
        return
    assert parse(service.get("command", "api")) in ("api", "worker", "autoscale")
    assert not unknown(service["environment"])


@pytest.mark.parametrize("name", [name for name, service in OURS.items() if "device" in str(service.get("command"))])
def test_a_worker_may_end_the_page_that_it_reads(name: str) -> None:
    stop_s = float(OURS[name]["environment"]["OCRFLEET_WORKER_STOP_S"])
    grace_s = float(OURS[name]["stop_grace_period"].removesuffix("s"))
    assert Settings.model_fields["page_timeout_s"].default < stop_s < grace_s - 30


def test_redis_forgets_nothing() -> None:
    command = MAIN["redis"]["command"]
    for said in ("--maxmemory-policy noeviction", "--appendonly yes", "--appendfsync everysec", "--requirepass"):
        assert said in command
    assert MAIN["redis"]["volumes"] == ["redis:/data"]


def test_every_service_says_how_it_is_and_is_reached_from_this_machine_alone() -> None:
    assert "healthcheck" in MAIN["redis"] and "healthcheck" in MAIN["s3"]
    ports = [port for service in MAIN.values() for port in service.get("ports", [])]
    assert ports == ["127.0.0.1:8080:8080"]


def test_secrets_are_asked_for_and_never_written_down() -> None:
    text = "".join((FOLDER / file).read_text() for file in FILES)
    demanded = set(re.findall(r"\$\{(\w+):\?", text))
    assert demanded == {"REDIS_PASSWORD", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
    assert demanded <= set(EXAMPLE)
    assert not unknown(EXAMPLE)
    assert not [name for name, value in EXAMPLE.items() if value]
    assert "docker/.env" in (ROOT / ".gitignore").read_text().splitlines()
    assert "docker/.env" in (ROOT / ".dockerignore").read_text().splitlines()


def test_images_of_others_have_a_version() -> None:
    images = [service["image"] for name, service in MAIN.items() if name in ("redis", "s3")]
    assert all(re.fullmatch(r"[\w/-]+:\d[\w.-]+", image) for image in images)
