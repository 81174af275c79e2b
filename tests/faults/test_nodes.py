"""Nodes start, can be broken part by part, come back, and leave no process behind."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.nodes import Node, nothing_left
from tests.servers.process import wait_until
from tests.servers.redis import RedisServer


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("nodes")


@pytest.fixture(scope="module")
def environment(redis_server: RedisServer, folder: Path) -> dict[str, str]:
    return {
        "OCRFLEET_REDIS_URL": redis_server.database_url(14),
        "OCRFLEET_STORE_URL": (folder / "objects").as_uri(),
        "OCRFLEET_DATA_DIR": str(folder),
        "OCRFLEET_WEBHOOK_SECRET": "whsec_" + "c2VjcmV0" * 6,
    }


@pytest.fixture(scope="module")
def node(environment: dict[str, str], folder: Path) -> Iterator[Node]:
    """One for all: starting takes seconds. The last test ends it."""
    with nothing_left(folder), Node("io", folder, environment) as node:
        yield node.wait_ready()


def test_a_killed_child_is_replaced(node: Node) -> None:
    former = node.kill_child()
    assert node.wait_new_child(former) != former
    assert node.is_running()


def test_a_frozen_node_thaws(node: Node) -> None:
    node.pause()
    wait_until(lambda: states_of(node) == {"T"}, lambda: f"not frozen: {states_of(node)}")
    node.resume()
    wait_until(lambda: "T" not in states_of(node), lambda: f"still frozen: {states_of(node)}")
    child = node.pause_child()
    wait_until(lambda: state_of(child) == "T", lambda: "the child is not frozen")
    assert state_of(node.main) != "T"
    os.kill(child, signal.SIGCONT)


def test_children_die_with_a_killed_main_process(node: Node) -> None:
    assert len(node.children()) == 1
    node.kill_main()
    node.wait_gone(timeout_s=20)


def test_a_node_that_cannot_start_says_why(environment: dict[str, str], folder: Path) -> None:
    broken = {**environment, "OCRFLEET_WORKER_MAX_UNITS_PER_CHILD": "none"}
    with Node("io", folder, broken) as node, pytest.raises(RuntimeError, match="MAX_UNITS"):
        node.wait_ready()


def states_of(node: Node) -> set[str]:
    return {state_of(pid) for pid in node.group()}


def state_of(pid: int) -> str:
    """The letter of proc(5): T is frozen."""
    return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0]
