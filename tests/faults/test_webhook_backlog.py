"""A backlog of webhooks and a real io node: nothing piles up or is lost, and who is slow holds up nobody else."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from redis import Redis

from benchmarks.webhooks.__main__ import QUEUE, SECRET, Got, make, receiver
from producer.backends.redis_store import PREFIX, RedisJobStore
from tests.faults.nodes import Node, nothing_left
from tests.servers.process import wait_until
from tests.servers.redis import redis_server

EVENTS = 240
TAKES_S = 0.05
LATEST_S = 60.0


@pytest.fixture
def client() -> Iterator[Redis]:
    with redis_server() as server, Redis.from_url(server.url, decode_responses=True) as client:
        yield client


@pytest.fixture
def store(client: Redis) -> Iterator[RedisJobStore]:
    with closing(RedisJobStore(url_of(client))) as store:
        yield store


@pytest.fixture
def environment(client: Redis, tmp_path: Path) -> Iterator[dict[str, str]]:
    settings = {
        "OCRFLEET_REDIS_URL": url_of(client),
        "OCRFLEET_STORE_URL": (tmp_path / "objects").as_uri(),
        "OCRFLEET_DATA_DIR": str(tmp_path),
        "OCRFLEET_WEBHOOK_SECRET": SECRET,
        "OCRFLEET_ALLOW_PRIVATE_URLS": "true",
    }
    with nothing_left(tmp_path):
        yield settings


def url_of(client: Redis) -> str:
    return f"redis://127.0.0.1:{client.get_connection_kwargs()['port']}/0"


def wait_told(got: Got, count: int) -> None:
    wait_until(lambda: len(got.first) >= count, lambda: f"only {len(got.first)} were told", timeout_s=LATEST_S)


def test_a_backlog_is_told_side_by_side_and_once_each_while_no_messages_pile_up(
    client: Redis, store: RedisJobStore, environment: dict[str, str], tmp_path: Path
) -> None:
    got, began = Got(), time.monotonic()
    with receiver(got, takes_s=TAKES_S, is_silent=False) as url:
        make(store, url, count=EVENTS)
        with Node("io", tmp_path, environment) as node:
            wait_told(got, 1)
            since, messages = time.monotonic(), 0
            while len(got.first) < EVENTS and time.monotonic() - since < LATEST_S:
                messages = max(messages, int(client.llen(QUEUE)))
                time.sleep(0.1)
            took_s = time.monotonic() - since
            assert node.count("round_failed") == 0
    assert (len(got.first), got.attempts) == (EVENTS, EVENTS)
    assert messages == 0
    assert took_s < EVENTS * TAKES_S / 2, f"one after another; the test took {time.monotonic() - began:.0f} s"


def test_a_receiver_that_never_answers_holds_up_no_other(
    store: RedisJobStore, environment: dict[str, str], tmp_path: Path
) -> None:
    got = Got()
    with (
        receiver(got, takes_s=0, is_silent=True) as nobody,
        receiver(got, takes_s=0, is_silent=False) as url,
    ):
        make(store, nobody, count=40)
        make(store, url, count=40)
        with Node("io", tmp_path, environment) as node:
            node.wait_ready()
            since = time.monotonic()
            wait_told(got, 40)
            assert time.monotonic() - since < 15  # an attempt at the silent one takes 20
    assert got.silent <= 8


def test_how_late_the_latest_is_grows_until_it_is_told(
    store: RedisJobStore, environment: dict[str, str], tmp_path: Path
) -> None:
    got = Got()
    with receiver(got, takes_s=0, is_silent=True) as nobody:
        make(store, nobody, count=30)
        made = time.monotonic()
        with Node("io", tmp_path, environment):
            wait_until(lambda: got.silent > 0, lambda: "nobody was asked", timeout_s=LATEST_S)
            time.sleep(12)  # attempts last for 20 s
            late_s = store.outbox.backlog().overdue_s
    assert late_s > time.monotonic() - made - 10
    assert late_s >= 12


def test_a_node_that_is_killed_in_the_midst_loses_no_delivery(
    client: Redis, store: RedisJobStore, environment: dict[str, str], tmp_path: Path
) -> None:
    got = Got()
    with receiver(got, takes_s=TAKES_S, is_silent=False) as url:
        make(store, url, count=EVENTS)
        with Node("io", tmp_path, environment) as node:
            wait_told(got, EVENTS // 4)
            node.kill_group()
        assert store.outbox.backlog().pending > 0
        for event in map(str, client.zrange(f"{PREFIX}webhooks", 0, -1)):  # the leases of the dead are over
            client.hset(f"{PREFIX}webhook:{event}", "claimed_until_ms", 0)
        with Node("io", tmp_path, environment):
            wait_told(got, EVENTS)
            wait_until(
                lambda: store.outbox.backlog().pending == 0, lambda: str(store.outbox.backlog()), timeout_s=LATEST_S
            )
    assert EVENTS <= got.attempts <= EVENTS + 8  # those that were under way are told twice, under the same id


def test_a_node_that_is_stopped_ends_the_attempts_that_it_began(
    store: RedisJobStore, environment: dict[str, str], tmp_path: Path
) -> None:
    got = Got()
    with receiver(got, takes_s=1, is_silent=False) as url:
        make(store, url, count=EVENTS)
        with Node("io", tmp_path, environment) as node:
            node.wait_ready()
            wait_until(lambda: got.attempts > 0, lambda: "nobody was asked", timeout_s=LATEST_S)
            node.signal_main(signal.SIGTERM)
            node.wait_gone(timeout_s=20)
        assert node.status == 0
    assert got.attempts == len(got.first) == EVENTS - store.outbox.backlog().pending
    assert "Traceback" not in node.log.read_text()
