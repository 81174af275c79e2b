"""Each fault of Redis is what clients of a broken Redis see, and each can be taken back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from redis import Redis
from redis.exceptions import BusyLoadingError, ConnectionError, OutOfMemoryError, ReadOnlyError, TimeoutError

from tests.faults.redis_control import RedisControl, redis_control


@pytest.fixture(scope="module")
def server() -> Iterator[RedisControl]:
    with redis_control() as control:
        yield control


@pytest.fixture
def control(server: RedisControl) -> Iterator[RedisControl]:
    yield server
    server.heal()


@pytest.fixture
def client(server: RedisControl) -> Iterator[Redis]:
    """A caller without retries."""
    with Redis.from_url(server.server.url, socket_timeout=0.3, retry=None, decode_responses=True) as client:
        yield client


def test_what_was_written_outlives_a_kill(control: RedisControl, client: Redis) -> None:
    client.set("kept", "1")
    control.kill()
    with pytest.raises(ConnectionError):
        client.get("kept")
    control.heal()
    assert client.get("kept") == "1"


def test_a_frozen_server_answers_when_it_thaws(control: RedisControl, client: Redis) -> None:
    control.pause()
    with pytest.raises(TimeoutError):
        client.ping()
    control.resume()
    assert client.ping()


def test_dropped_connections_are_closed_for_the_clients(control: RedisControl, client: Redis) -> None:
    number = client.client_id()
    assert control.drop_connections() >= 1
    try:
        assert client.client_id() != number
    except ConnectionError:
        assert client.client_id() != number


def test_a_full_server_refuses_writes_and_answers_reads(control: RedisControl, client: Redis) -> None:
    client.set("before", "1")
    control.fill()
    with pytest.raises(OutOfMemoryError):
        client.set("after", "1")
    assert client.get("before") == "1"
    control.empty()
    assert client.set("after", "1")


def test_a_read_only_server_refuses_writes_and_answers_reads(control: RedisControl, client: Redis) -> None:
    client.set("before", "1")
    control.become_read_only()
    with pytest.raises(ReadOnlyError):
        client.set("after", "1")
    assert client.get("before") == "1"
    control.become_writable()
    assert client.set("after", "1")


def test_one_database_can_be_lost_alone(control: RedisControl, client: Redis) -> None:
    client.set("kept", "1")
    with Redis.from_url(control.server.database_url(3)) as other:
        other.set("lost", "1")
        control.flush(3)
        assert other.get("lost") is None
    assert client.get("kept") == "1"


def test_a_cut_append_log_loses_the_last_writes_only(control: RedisControl, client: Redis) -> None:
    client.set("first", "1")
    client.set("last", "1")
    assert control.lose_tail(5) == 5
    assert (client.get("first"), client.get("last")) == ("1", None)


def test_a_loading_server_says_so_and_then_answers(control: RedisControl, client: Redis) -> None:
    client.set("kept", "1")
    control.restart_loading(at_least_s=0.5)
    with pytest.raises(BusyLoadingError):
        client.get("kept")
    control.wait_loaded()
    assert client.get("kept") == "1"


def test_with_everysec_a_kill_of_the_process_alone_keeps_what_was_written() -> None:
    with redis_control(fsync="everysec") as control:
        control.client.set("kept", "1")
        control.kill_and_restart()
        assert control.client.get("kept") == "1"
