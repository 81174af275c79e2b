"""What is written when something fails, and what is not."""

from __future__ import annotations

import json

import pytest
import structlog

from producer.logs import configure_logs

SECRET = "pass" + "word of a caller"
pytestmark = pytest.mark.usefixtures("logs_as_before")


def fail(depth: int, secret: str) -> None:
    if depth == 0:
        raise ValueError("too deep")
    fail(depth - 1, secret)


@pytest.mark.parametrize("log_format", ["console", "json"])
def test_an_error_is_told_briefly_and_without_local_variables(
    log_format: str, capfd: pytest.CaptureFixture[str]
) -> None:
    configure_logs(log_format)
    try:
        fail(500, SECRET)
    except ValueError:
        structlog.get_logger().exception("unit_crashed", page=2)
    told = capfd.readouterr().err
    assert "ValueError: too deep" in told
    assert "unit_crashed" in told
    assert SECRET not in told
    assert len(told.splitlines()) < 50


def test_a_line_for_machines_is_an_object_with_its_event(capfd: pytest.CaptureFixture[str]) -> None:
    configure_logs("json")
    structlog.get_logger().info("page_read", page=2)
    line = json.loads(capfd.readouterr().err)
    assert (line["event"], line["level"], line["page"]) == ("page_read", "info", 2)
