"""`ocrfleet up` takes over changed settings: every process is replaced, and no page is interrupted or read twice."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from producer.client import OcrFleetClient
from producer.contract.fleet import FleetWorker, WorkerState
from producer.contract.jobs import JobState
from producer.settings import RUNTIME_FILE
from tests.acceptance.conftest import nothing_is_left, processes, wait_until
from tests.faults.commands import document, sleep
from tests.faults.engine import DIR_VARIABLE, Desk
from tests.faults.nodes import STAND_IN
from tests.servers.process import ServerProcess

READY_S, ROLLED_S = 90.0, 120.0
MOST_JOBS, PAGES, PAGE_S, PAUSE_S = 200, 4, 0.2, 0.5  # what two nodes just read


@dataclass(frozen=True, kw_only=True, slots=True)
class Up:
    """A supervisor with two nodes, and the file that it has its settings from."""

    folder: Path
    settings: Path
    log: Path
    process: ServerProcess

    def change(self, **settings: str) -> None:
        self.settings.write_text("# of the test\n" + "".join(f"{name}={value}\n" for name, value in settings.items()))
        os.kill(self.process.pid, signal.SIGHUP)

    def says(self, event: str) -> int:
        return self.log.read_text().count(event)

    def parts(self) -> dict[int, bytes]:
        """The environment of every process but the supervisor, by its id."""
        found = {}
        for pid in processes(self.folder / "data").keys() - {self.process.pid}:
            with suppress(FileNotFoundError, ProcessLookupError):  # it ended meanwhile
                found[pid] = Path(f"/proc/{pid}/environ").read_bytes()
        return found


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    folder = tmp_path_factory.mktemp("rolling")
    settings, log = folder / "settings.env", folder / "up.log"
    environment = {
        **os.environ,
        DIR_VARIABLE: str(folder),
        "OCRFLEET_WORKER_BEAT_S": "0.3",
        "OCRFLEET_SETTINGS_FILE": str(settings),
    }
    settings.write_text(f"OCRFLEET_WORKER_ENGINE={STAND_IN}\nOCRFLEET_UNIT_PAGES=2\n")
    command = [sys.executable, "-m", "workers", "up", "--devices", "cpu,cpu", "--port", "0"]
    process = ServerProcess([*command, "--data-dir", str(folder / "data")], log, environment)
    up = Up(folder=folder, settings=settings, log=log, process=process)
    try:
        process.wait_until(lambda: "OCRFleet is up" in log.read_text(), timeout_s=READY_S)
        yield up
        os.kill(process.pid, signal.SIGTERM)
        wait_until(lambda: not process.is_running(), timeout_s=READY_S, what=f"its end\n{log.read_text()}")
    finally:
        process.kill()
    nothing_is_left(folder, within_s=READY_S)


@pytest.fixture
def client(up: Up) -> Iterator[OcrFleetClient]:
    address = json.loads((up.folder / "data" / RUNTIME_FILE).read_text())["address"]
    with OcrFleetClient(address) as client:
        yield client


def nodes(client: OcrFleetClient) -> set[str]:
    """Both nodes, once they take work and there is no other."""
    found: list[FleetWorker] = []

    def both() -> bool:
        found[:] = client.fleet().workers
        return sorted(one.state in (WorkerState.READY, WorkerState.BUSY) for one in found) == [True, True]

    wait_until(both, timeout_s=READY_S, what="two workers")
    return {one.node for one in found}


def test_changed_settings_reach_every_process_while_each_page_is_read_once(up: Up, client: OcrFleetClient) -> None:
    former, before = nodes(client), up.parts().keys()
    up.change(OCRFLEET_WORKER_ENGINE=STAND_IN, OCRFLEET_UNIT_PAGES="3")
    jobs = list(submit_until(client, lambda: up.says("part_rolled") >= 2))
    ended = [client.wait(job, timeout_s=ROLLED_S) for job in jobs]
    assert {job.status for job in ended} == {JobState.SUCCEEDED}
    assert {(job.progress.pages_done, job.progress.pages_failed, job.attempts) for job in ended} == {(PAGES, 0, 1)}
    wait_until(lambda: up.says("part_rolled") == 4, timeout_s=ROLLED_S, what="two nodes, an io worker and the API")
    wait_until(lambda: not before & up.parts().keys(), timeout_s=ROLLED_S, what="the end of the old ones")
    assert not nodes(client) & former
    assert all(b"OCRFLEET_UNIT_PAGES=3" in environment for environment in up.parts().values())
    begun = [entry for entry in Desk(up.folder).log() if entry.event == "begin"]
    assert len({entry.pid for entry in begun}) == 4
    times = Counter(entry.page for entry in begun)
    assert (len(times), set(times.values())) == (len(jobs) * PAGES, {1})


def submit_until(client: OcrFleetClient, is_over: Callable[[], bool]) -> Iterator[str]:
    """Jobs, at a pace that keeps both nodes busy."""
    for number in range(MOST_JOBS):
        if is_over():
            return
        yield client.submit(document([sleep(PAGE_S)] * PAGES, first_number=number * PAGES)).id
        time.sleep(PAUSE_S)
    pytest.fail("still not over")


@pytest.mark.parametrize(
    ("wrong", "event"),
    [
        ({"OCRFLEET_UNIT_PAGES": "many"}, "settings_refused"),
        ({"OCRFLEET_MAX_PAGEZ": "3"}, "settings_refused"),
        ({"OCRFLEET_WORKER_OPTIONS": '{"foo": 1}'}, "settings_refused"),
        ({"OCRFLEET_REDIS_URL": "redis://127.0.0.1:1/0"}, "settings_refused"),
        ({"OCRFLEET_WORKER_ENGINE": "tests.nowhere:Engine"}, "roll_given_up"),
    ],
)
def test_settings_that_cannot_be_leave_the_system_as_it_is(
    up: Up, client: OcrFleetClient, wrong: dict[str, str], event: str
) -> None:
    former, said = nodes(client), up.says(event)
    up.change(**{"OCRFLEET_WORKER_ENGINE": STAND_IN, **wrong})
    wait_until(lambda: up.says(event) > said, timeout_s=READY_S, what=event)
    assert nodes(client) == former
    job = client.submit(document([sleep(0)]))
    assert client.wait(job.id, timeout_s=READY_S).status is JobState.SUCCEEDED


def test_a_variable_that_is_no_setting_is_warned_of_once_and_not_by_every_part(up: Up, client: OcrFleetClient) -> None:
    nodes(client)
    assert DIR_VARIABLE in up.log.read_text()
    assert up.says("setting_unknown") == 1
