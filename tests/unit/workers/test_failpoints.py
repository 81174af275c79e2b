"""Failpoints do nothing until they are armed, and then exactly what they were told."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from workers import failpoints
from workers.failpoints import BadFailpoint, FailpointRaised, arm, reach


@pytest.fixture(autouse=True)
def disarmed() -> Iterator[None]:
    yield
    arm("", None)


def status_of_a_process(text: str, folder: Path | None = None) -> int:
    """The exit status of a process that comes by `after_put`; 0 when it went on."""
    code = (
        "import sys; from pathlib import Path; from workers.failpoints import arm, reach;"
        "arm(sys.argv[1], Path(sys.argv[2]) if sys.argv[2] else None); reach('after_put')"
    )
    return subprocess.run([sys.executable, "-c", code, text, str(folder or "")], timeout=30).returncode


def test_an_unarmed_failpoint_does_nothing() -> None:
    reach("after_put")


def test_only_the_named_point_fires() -> None:
    arm("after_put:raise", None)
    reach("after_commit")
    with pytest.raises(FailpointRaised, match="after_put"):
        reach("after_put")


def test_several_points_can_be_armed_and_all_are_disarmed_again() -> None:
    arm("after_put:raise,after_commit:raise", None)
    for name in ("after_put", "after_commit"):
        with pytest.raises(FailpointRaised):
            reach(name)
    arm("", None)
    reach("after_put")


def test_kill_ends_the_process_without_a_farewell() -> None:
    assert status_of_a_process("after_put:kill") == -signal.SIGKILL


def test_exit_ends_the_process_with_its_own_status() -> None:
    assert status_of_a_process("after_put:exit") == failpoints.EXIT_CODE


def test_a_count_is_kept_over_processes(tmp_path: Path) -> None:
    statuses = [status_of_a_process("after_put:exit:2", tmp_path) for _ in range(3)]
    assert statuses == [failpoints.EXIT_CODE, failpoints.EXIT_CODE, 0]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["after_put.1", "after_put.2"]


def test_sleep_waits_as_long_as_it_says() -> None:
    arm("after_put:sleep:0.05", None)
    started = time.monotonic()
    reach("after_put")
    assert time.monotonic() - started >= 0.05


def test_a_barrier_holds_until_it_is_opened(tmp_path: Path) -> None:
    arm("after_put:barrier", tmp_path)
    thread = threading.Thread(target=reach, args=("after_put",))
    thread.start()
    deadline = time.monotonic() + 10
    while not (tmp_path / "after_put.reached").exists():
        assert time.monotonic() < deadline
        time.sleep(0.005)
    assert thread.is_alive()
    (tmp_path / "after_put.go").touch()
    thread.join(10)
    assert not thread.is_alive()


@pytest.mark.parametrize(
    "text",
    [
        *("after_put", ":kill", "after put:kill", "after_put:explode", "after_put:kill:x", "after_put:kill:1:2"),
        *("after_put:sleep", "after_put:sleep:long"),
    ],
)
def test_a_wrong_text_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(BadFailpoint, match="name:kill"):
        arm(text, tmp_path)


@pytest.mark.parametrize("text", ["after_put:kill:1", "after_put:barrier"])
def test_a_count_or_a_barrier_needs_a_folder(text: str) -> None:
    with pytest.raises(BadFailpoint, match="OCRFLEET_WORKER_FAILPOINT_DIR"):
        arm(text, None)
