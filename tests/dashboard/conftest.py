"""One real system with a quick engine, and one browser, for all tests of the dashboard."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from producer.client import OcrFleetClient
from tests.acceptance.conftest import SECRET, nothing_is_left, running
from tests.dashboard.browser import Visit, browser, visiting
from tests.faults.commands import READ, document
from tests.faults.engine import DIR_VARIABLE
from tests.faults.nodes import ROOT
from workers.demo.receiver import Receiver, receiving
from workers.fleet.supervisor import System


@pytest.fixture(scope="package")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    folder = tmp_path_factory.mktemp("dashboard")
    engine = {"OCRFLEET_WORKER_ENGINE": "tests.dashboard.engine:HostileEngine", DIR_VARIABLE: str(folder)}
    # One try a page: what fails is there to be seen at once.
    with running(folder, PYTHONPATH=str(ROOT), OCRFLEET_MAX_ATTEMPTS="1", **engine) as system:
        with OcrFleetClient(system.server) as client:  # the worker comes up after the API
            client.wait(client.submit(document([READ])).id, timeout_s=60)
        yield system
    nothing_is_left(folder)


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    with browser() as launched:
        yield launched


@pytest.fixture
def client(system: System) -> Iterator[OcrFleetClient]:
    with OcrFleetClient(system.server) as client:
        yield client


@pytest.fixture
def visit(chromium: Browser, system: System) -> Iterator[Visit]:
    with visiting(chromium, system.server) as visit:
        yield visit


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving(SECRET) as receiver:
        yield receiver
