"""Settings with which nothing could work are refused before anything is started, each by its name."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

UP = ("up", "--devices", "cpu", "--port", "0")
WORKER = ("worker",)
IO = ("worker", "--role", "io")


def refused(arguments: tuple[str, ...], folder: Path, **settings: str) -> str:
    """What the command says that ends with status 2 and has written nothing."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OCRFLEET_")}
    data_dir = folder / "data"
    addresses = {} if arguments == UP else {"REDIS_URL": "redis://127.0.0.1:1/0", "STORE_URL": folder.as_uri()}
    told = {"DATA_DIR": str(data_dir), **addresses, **settings}
    given = {f"OCRFLEET_{name}": value for name, value in told.items()}
    command = [sys.executable, "-m", "workers", *arguments]
    done = subprocess.run(command, env=kept | given, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, "Traceback" in done.stderr, data_dir.exists()) == (2, False, False), done.stderr
    return done.stderr


@pytest.mark.parametrize("arguments", [UP, WORKER])
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ('{"foo":1}', "OCRFLEET_WORKER_OPTIONS: unknown option 'foo'"),
        ('{"lang":"xx"}', "OCRFLEET_WORKER_OPTIONS: No models are available for lang='xx'"),
        ("notjson", "OCRFLEET_WORKER_OPTIONS: it must be a JSON object"),
    ],
)
def test_options_that_no_engine_has(arguments: tuple[str, ...], options: str, message: str, tmp_path: Path) -> None:
    assert message in refused(arguments, tmp_path, WORKER_OPTIONS=options)


@pytest.mark.parametrize("arguments", [UP, IO])
@pytest.mark.parametrize("secret", ["short", "whsec_", " "])
def test_a_secret_that_cannot_sign_is_not_repeated(arguments: tuple[str, ...], secret: str, tmp_path: Path) -> None:
    said = refused(arguments, tmp_path, WEBHOOK_SECRET=secret)
    assert "OCRFLEET_WEBHOOK_SECRET: write `whsec_` and then Base64" in said
    assert "short" not in said


def test_a_data_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in ("/proc/x", f"{tmp_path}/file", f"{tmp_path}/file/data"):
        assert f"{folder} cannot be used" in refused(UP, tmp_path, DATA_DIR=folder)
