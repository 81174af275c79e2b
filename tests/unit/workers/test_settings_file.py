"""Settings in a file, below the environment."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import pytest

from producer.contract.errors import InvalidRequest
from producer.settings import Settings
from workers.fleet.settings_file import VARIABLE, SettingsFile


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    """A settings file, which the environment names."""
    path = tmp_path / "settings.env"
    with patch.dict(os.environ, {VARIABLE: str(path), "OCRFLEET_MAX_PAGES": "7"}):
        yield path


def test_the_file_is_read_and_the_environment_goes_above_it(path: Path) -> None:
    path.write_text("# ours\n\nOCRFLEET_UNIT_PAGES=9\n OCRFLEET_MAX_PAGES=8\nAWS_REGION=a=b\n")
    SettingsFile().load()
    settings = Settings()
    assert (settings.unit_pages, settings.max_pages, os.environ["AWS_REGION"]) == (9, 7, "a=b")


def test_what_the_file_says_no_more_is_as_it_was(path: Path) -> None:
    file = SettingsFile()
    path.write_text("OCRFLEET_UNIT_PAGES=9\n")
    file.load()
    path.write_text("OCRFLEET_MAX_PAGES=8\n")
    file.load()
    assert Settings().unit_pages == Settings.model_fields["unit_pages"].default


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("OCRFLEET_UNIT_PAGES=0\n", "OCRFLEET_UNIT_PAGES"),
        ("OCRFLEET_WORKER_LEASE_S=-1\n", "OCRFLEET_WORKER_LEASE_S"),
        ("OCRFLEET_WORKER_CORES=many\n", "OCRFLEET_WORKER_CORES: it must be a JSON list"),
        ('OCRFLEET_WORKER_OPTIONS={"foo":1}\n', "OCRFLEET_WORKER_OPTIONS: unknown option 'foo'"),
        ("OCRFLEET_MAX_PAGEZ=3\n", r"OCRFLEET_MAX_PAGEZ is no setting; did you mean OCRFLEET_MAX_PAGES\?"),
        ("OCRFLEET_WORKER_LEASES=3\n", r"did you mean OCRFLEET_WORKER_LEASE_S\?"),
        ("OCRFLEET_NONSENSE=3\n", "OCRFLEET_NONSENSE is no setting; `ocrfleet settings` lists them"),
        ("OCRFLEET_WEBHOOK_SECRET=short\n", "OCRFLEET_WEBHOOK_SECRET: write"),
        ("# a\nexport OCRFLEET_UNIT_PAGES=3\n", "line 2"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_has_changed(path: Path, text: str, message: str) -> None:
    file = SettingsFile()
    path.write_text("OCRFLEET_UNIT_PAGES=9\n")
    file.load()
    path.write_text(text)
    with pytest.raises(InvalidRequest, match=message):
        file.load()
    assert os.environ["OCRFLEET_UNIT_PAGES"] == "9"


def test_a_file_that_is_not_there_is_named(path: Path) -> None:
    with pytest.raises(InvalidRequest, match=str(path)):
        SettingsFile().load()
