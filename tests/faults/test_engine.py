"""The stand-in engine gives the same page the same result, and does what a page orders."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from ocr_engine import EngineError, open_document
from tests.faults.commands import ACTIONS, READ, Command, command_on, document, page_with, sleep
from tests.faults.engine import DEEDS, DIR_VARIABLE, Desk, StandInEngine

CHILD = """
import sys
from ocr_engine import open_document
from tests.faults.engine import StandInEngine
with open_document(sys.stdin.buffer.read()) as pages:
    print(StandInEngine().predict_page(pages.page_image(0), input_path="d.tif", page_index=0).json)
"""


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setenv(DIR_VARIABLE, str(tmp_path))
    return Desk(tmp_path)


@pytest.fixture
def engine(desk: Desk) -> StandInEngine:
    return StandInEngine()


def in_a_process(command: Command, desk_folder: Path) -> subprocess.CompletedProcess[bytes]:
    """The engine reading one page with this command in a process of its own, without core files."""
    return subprocess.run(
        [sys.executable, "-c", CHILD],
        input=document([command]),
        env={**os.environ, DIR_VARIABLE: str(desk_folder)},
        capture_output=True,
        timeout=60,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (0, 0)),
    )


def test_every_action_is_described_and_done() -> None:
    assert list(ACTIONS) == list(DEEDS)


def test_a_document_holds_its_commands_page_by_page() -> None:
    commands = [READ, sleep(1.5), Command(action="fail", code="internal", times=2)]
    with open_document(document(commands)) as pages:
        assert [command_on(pages.page_image(index)) for index in range(pages.page_count)] == commands


def test_a_page_that_was_not_drawn_for_it_is_read(engine: StandInEngine) -> None:
    blank = page_with(READ, 1) * 0
    assert command_on(blank) == READ
    assert engine.predict_page(blank)["rec_texts"]


def test_the_same_pixels_give_the_same_result_in_every_process(engine: StandInEngine, tmp_path: Path) -> None:
    here = engine.predict_page(page_with(READ, 0), input_path="d.tif", page_index=0).json
    assert in_a_process(READ, tmp_path).stdout.decode().strip() == str(here)
    assert engine.predict_page(page_with(READ, 1)).json != here


def test_a_result_can_be_drawn(engine: StandInEngine) -> None:
    assert engine.predict_page(page_with(READ, 0)).draw_lines().size[0] > 0


def test_a_page_takes_a_few_milliseconds(engine: StandInEngine) -> None:
    engine.predict_page(page_with(READ, 0))
    started = time.process_time()
    for number in range(50):
        engine.predict_page(page_with(READ, number))
    assert (time.process_time() - started) / 50 < 0.02


@pytest.mark.parametrize(
    ("command", "status"),
    [
        (Command(action="segfault"), -signal.SIGSEGV),
        (Command(action="abort"), -signal.SIGABRT),
        (Command(action="exit", amount=7), 7),
        (Command(action="sys_exit"), 1),
        (Command(action="oom_kill", amount=64), -signal.SIGKILL),
    ],
    ids=lambda value: value.action if isinstance(value, Command) else "",
)
def test_a_page_can_end_its_process(command: Command, status: int, tmp_path: Path) -> None:
    assert in_a_process(command, tmp_path).returncode == status


@pytest.mark.parametrize(
    ("action", "error"), [("recursion", RecursionError), ("memory_error", MemoryError), ("sys_exit", SystemExit)]
)
def test_a_page_can_raise_what_no_engine_should(engine: StandInEngine, action: str, error: type[BaseException]) -> None:
    with pytest.raises(error):
        engine.predict_page(page_with(Command(action=action), 0))


@pytest.mark.parametrize("code", ["out_of_memory", "internal", "invalid_request", "page_too_large"])
def test_a_page_can_fail_with_every_code_of_the_engine(engine: StandInEngine, code: str) -> None:
    with pytest.raises(EngineError) as failure:
        engine.predict_page(page_with(Command(action="fail", code=code), 0))
    assert failure.value.code == code


def test_a_balloon_is_given_back_and_a_leak_is_not(engine: StandInEngine) -> None:
    before = resident_mib()
    engine.predict_page(page_with(Command(action="balloon", amount=64), 0))
    assert resident_mib() - before < 32
    engine.predict_page(page_with(Command(action="leak", amount=64), 0))
    assert resident_mib() - before > 48


def test_a_spinning_page_stops_every_other_thread(engine: StandInEngine) -> None:
    gaps: list[float] = []
    stop = threading.Event()

    def tick() -> None:
        last = time.monotonic()
        while not stop.wait(0.01):
            now = time.monotonic()
            gaps.append(now - last)
            last = now

    thread = threading.Thread(target=tick)
    thread.start()
    engine.predict_page(page_with(Command(action="spin", amount=0.3), 0))
    engine.predict_page(page_with(sleep(0.05), 0))
    stop.set()
    thread.join()
    assert max(gaps) >= 0.25


def test_a_counted_command_is_done_so_often_over_all_engines(engine: StandInEngine) -> None:
    page = page_with(Command(action="fail", code="internal", times=2), 0)
    for _ in range(2):
        with pytest.raises(EngineError):
            StandInEngine().predict_page(page)
    assert engine.predict_page(page)["rec_texts"]


def test_an_override_holds_for_every_page_until_it_is_taken_back(engine: StandInEngine, desk: Desk) -> None:
    desk.order(Command(action="fail", code="internal"))
    with pytest.raises(EngineError):
        engine.predict_page(page_with(READ, 0))
    desk.order(None)
    assert engine.predict_page(page_with(READ, 0))["rec_texts"]


def test_the_log_tells_who_read_which_page_when(engine: StandInEngine, desk: Desk) -> None:
    assert desk.log() == []
    engine.predict_page(page_with(READ, 0))
    with pytest.raises(EngineError):
        engine.predict_page(page_with(Command(action="fail", code="internal"), 1))
    begin, end, failed = desk.log()
    assert (begin.event, end.event, failed.event) == ("begin", "end", "begin")
    assert begin.page == end.page != failed.page
    assert begin.pid == os.getpid()
    assert begin.seconds <= end.seconds <= failed.seconds


def resident_mib() -> float:
    ctypes.CDLL(None).malloc_trim(0)
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / (1 << 20)
