"""Variables that are called as settings are, and are none."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from producer.misspelt import misspelt, warn_of_misspelt
from producer.settings import Settings
from workers.settings import ALL_SETTINGS


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("OCRFLEET_MAX_PAGEZ", "OCRFLEET_MAX_PAGES"),
        ("ocrfleet_redis_uri", "OCRFLEET_REDIS_URL"),
        ("OCRFLEET_WORKER_STALLS", "OCRFLEET_WORKER_STALL_S"),
        ("OCRFLEET_AUTOSCALE_KIND", "OCRFLEET_AUTOSCALE_KINDS"),
        ("OCRFLEET_NONSENSE", ""),
    ],
)
def test_what_is_no_setting_is_found_with_what_was_meant(name: str, meant: str) -> None:
    assert misspelt([name], *ALL_SETTINGS) == {name: meant}


def test_every_setting_and_what_is_not_ours_is_left_alone() -> None:
    prefixes = {kind: kind.model_config.get("env_prefix") for kind in ALL_SETTINGS}
    settings = [f"{prefixes[kind]}{name.upper()}" for kind in ALL_SETTINGS for name in kind.model_fields]
    assert misspelt([*settings, "ocrfleet_max_pages", "OCRFLEET_ARGUMENTS", "PATH"], *ALL_SETTINGS) == {}


def test_who_does_not_know_the_settings_of_workers_says_nothing_of_them() -> None:
    assert misspelt(["OCRFLEET_WORKER_DEVICES", "OCRFLEET_PORFILE"], Settings) == {
        "OCRFLEET_PORFILE": "OCRFLEET_PROFILE"
    }


def test_it_is_warned_of_each_once() -> None:
    with capture_logs() as logs:
        warn_of_misspelt(["OCRFLEET_MAX_PAGEZ", "OCRFLEET_NONSENSE"], Settings)
    assert [(log["event"], log["name"], log.get("meant")) for log in logs] == [
        ("setting_unknown", "OCRFLEET_MAX_PAGEZ", "OCRFLEET_MAX_PAGES"),
        ("setting_unknown", "OCRFLEET_NONSENSE", None),
    ]
