"""The proxy breaks connections in the way it was told, and mends them again."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from tests.faults.tcp_proxy import Kind, TcpProxy, tcp_proxy


@pytest.fixture
def echo_port() -> Iterator[int]:
    """A server that answers with what it was sent."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(10)

    def echo(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.settimeout(10)
            while data := connection.recv(65536):
                connection.sendall(data)

    def serve() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=echo, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    yield listener.getsockname()[1]
    listener.close()


@pytest.fixture
def proxy(echo_port: int) -> Iterator[TcpProxy]:
    with tcp_proxy(echo_port) as proxy:
        yield proxy


def connect(proxy: TcpProxy) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", proxy.port), timeout=5)
    connection.settimeout(5)
    return connection


def ask(connection: socket.socket, data: bytes = b"hello") -> bytes:
    """What comes back: as much as was sent, or less when the connection ends."""
    connection.sendall(data)
    answer = b""
    while len(answer) < len(data) and (portion := connection.recv(65536)):
        answer += portion
    return answer


def test_bytes_pass_both_ways(proxy: TcpProxy) -> None:
    with connect(proxy) as connection:
        assert ask(connection, b"x" * 300_000) == b"x" * 300_000
        assert proxy.open_connections() == 1


def test_a_refused_connection_is_refused_and_the_same_port_heals(proxy: TcpProxy) -> None:
    with connect(proxy) as connected:
        ask(connected)
        proxy.behave(Kind.REFUSE)
        assert connected.recv(1) == b""
    with pytest.raises(ConnectionRefusedError):
        connect(proxy)
    proxy.heal()
    with connect(proxy) as connection:
        assert ask(connection) == b"hello"


def test_a_black_hole_accepts_and_never_answers_and_its_connections_stay_silent(proxy: TcpProxy) -> None:
    proxy.behave(Kind.BLACK_HOLE)
    with connect(proxy) as lost:
        lost.settimeout(0.2)
        with pytest.raises(TimeoutError):
            ask(lost)
        proxy.heal()
        with pytest.raises(TimeoutError):
            ask(lost)
    with connect(proxy) as connection:
        assert ask(connection) == b"hello"


def test_a_reset_reaches_old_and_new_connections(proxy: TcpProxy) -> None:
    with connect(proxy) as connected:
        ask(connected)
        proxy.behave(Kind.RESET)
        with pytest.raises(ConnectionResetError):
            connected.recv(1)
    with pytest.raises(ConnectionResetError), connect(proxy) as late:
        ask(late)


def test_a_cut_lets_the_beginning_of_an_answer_through(proxy: TcpProxy) -> None:
    proxy.behave(Kind.CUT, 3)
    with connect(proxy) as connection:
        assert ask(connection) == b"hel"


def test_a_delayed_answer_comes_late_and_whole(proxy: TcpProxy) -> None:
    proxy.behave(Kind.DELAY, 0.1)
    with connect(proxy) as connection:
        started = time.monotonic()
        assert ask(connection) == b"hello"
        assert time.monotonic() - started >= 0.2  # there and back


def test_a_throttled_connection_keeps_its_rate(proxy: TcpProxy) -> None:
    proxy.behave(Kind.THROTTLE, 20_000)
    with connect(proxy) as connection:
        started = time.monotonic()
        assert ask(connection, b"x" * 4_000) == b"x" * 4_000
        assert time.monotonic() - started >= 0.2
