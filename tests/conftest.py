"""Fixtures for every ring of tests: the real servers, and logs that a test may set up as a process does."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
import structlog

pytest_plugins = ["tests.servers.fixtures"]


@pytest.fixture
def logs_as_before() -> Iterator[None]:
    """For a test in whose process logs are set up: the others of this process would write into what it captured."""
    root = logging.getLogger()
    level, handlers = root.level, root.handlers[:]
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)
