"""Settings: what a running embedded system adds, and what is shown of them."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from producer.connect import addresses
from producer.contract.errors import Unavailable
from producer.exit_codes import ExitCode
from producer.settings import RUNTIME_FILE, load_settings
from workers.cli import app
from workers.settings import WorkerSettings

RUNTIME = {"redis_url": "redis://127.0.0.1:1/0", "store_url": "file:///a", "webhook_secret": "whsec_own"}


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """That of an embedded system, in an environment that says nothing else."""
    for name in [name for name in os.environ if name.startswith("OCRFLEET_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("OCRFLEET_DATA_DIR", str(tmp_path))
    return tmp_path


def running(data_dir: Path, pid: int) -> None:
    (data_dir / RUNTIME_FILE).write_text(json.dumps(RUNTIME | {"pid": pid}))


def test_a_running_system_completes_what_the_environment_leaves_open(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    running(data_dir, os.getpid())
    monkeypatch.setenv("OCRFLEET_STORE_URL", "file:///b")
    settings = load_settings()
    assert (settings.redis_url, settings.store_url) == (RUNTIME["redis_url"], "file:///b")
    assert settings.webhook_secret == SecretStr(RUNTIME["webhook_secret"])


@pytest.mark.parametrize("error", [ProcessLookupError, PermissionError])
def test_a_system_that_is_gone_is_none_whoever_has_its_process_id_by_now(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch, error: type[OSError]
) -> None:
    def kill(_pid: int, _signal: int) -> None:
        raise error

    running(data_dir, 4_000_000)
    monkeypatch.setattr(os, "kill", kill)
    assert load_settings().redis_url is None


def test_an_empty_variable_is_none(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PROFILE", "MODEL_DIR", "REQUESTS_PER_MINUTE", "MAX_PAGES", "WORKER_MAX_AGE_S", "WORKER_OPTIONS"):
        monkeypatch.setenv(f"OCRFLEET_{name}", "")
    settings, worker = load_settings(), WorkerSettings()
    assert (settings.profile, settings.model_dir, settings.requests_per_minute) == (None, None, None)
    assert (settings.max_pages, worker.max_age_s, worker.options) == (2000, None, {})


def test_passwords_in_addresses_are_not_shown(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        "OCRFLEET_REDIS_URL", "redis+sentinel://user:hidden@hidden-1@a:1,b/ocr/3?sentinel_password=hidden-2&db=1"
    )
    monkeypatch.setenv("OCRFLEET_BROKER_URL", "redis://a:6379/0?password=hidden-3")
    monkeypatch.setenv("OCRFLEET_API_KEY", "hidden-4")
    shown = CliRunner().invoke(app, ["settings"]).output
    assert "OCRFLEET_REDIS_URL=redis+sentinel://user:***@a:1,b/ocr/3?sentinel_password=***&db=1" in shown
    assert "OCRFLEET_BROKER_URL=redis://a:6379/0?password=***" in shown
    assert "hidden" not in shown


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("OCRFLEET_REDIS_URL", "foo"),
        ("OCRFLEET_REDIS_URL", "redis://:hidden-4@host:port/0"),
        ("OCRFLEET_BROKER_URL", "hidden-4"),
        ("OCRFLEET_SERVER", "foo"),
        ("OCRFLEET_SERVER", "localhost:8080"),
    ],
)
def test_an_address_that_is_none_is_a_usage_error_that_shows_how_to_write_one(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv("OCRFLEET_REDIS_URL", "redis://127.0.0.1:1/0")
    monkeypatch.setenv("OCRFLEET_STORE_URL", (data_dir / "objects").as_uri())
    monkeypatch.setenv(variable, value)
    done = CliRunner().invoke(app, ["list"])
    assert (done.exit_code, variable in done.stderr, "://host:" in done.stderr) == (2, True, True), done.output
    assert "hidden" not in done.output


def test_half_an_address_is_named(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCRFLEET_REDIS_URL", "redis://localhost:6379/0")
    with pytest.raises(Unavailable, match="OCRFLEET_REDIS_URL is set and OCRFLEET_STORE_URL is not"):
        addresses(load_settings())
    monkeypatch.delenv("OCRFLEET_REDIS_URL")
    monkeypatch.setenv("OCRFLEET_STORE_URL", data_dir.as_uri())
    with pytest.raises(Unavailable, match="OCRFLEET_STORE_URL is set and OCRFLEET_REDIS_URL is not"):
        addresses(load_settings())


def test_a_key_is_read_without_the_line_end_that_a_file_puts_behind_it(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OCRFLEET_API_KEY", "secretkey123\n")
    assert load_settings().api_key == SecretStr("secretkey123")


@pytest.mark.parametrize("key", ["schlüssel", "secret\nkey", " \n"])
def test_a_key_that_no_header_can_carry_is_refused_and_not_shown(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv("OCRFLEET_API_KEY", key)
    done = CliRunner().invoke(app, ["fleet"])
    assert done.exit_code == ExitCode.USAGE
    assert "error [invalid_request]: settings: OCRFLEET_API_KEY: " in done.stderr
    assert key not in done.stderr
