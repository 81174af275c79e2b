"""Every wait ends with its time, whatever the service does meanwhile: silent, dripping, refusing or gone."""

from __future__ import annotations

import asyncio
import json
import math
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from http.server import BaseHTTPRequestHandler

import pytest
from typer.testing import CliRunner

from producer import AsyncOcrFleetClient, OcrFleetClient
from producer.contract.errors import RateLimited, Unavailable
from producer.contract.jobs import Job, JobState
from producer.exit_codes import ExitCode
from producer.patience import Patience, in_time, patient_look
from producer.progress import Watch
from tests.integration.test_waiting import JOB, shown
from tests.servers.http import listening
from workers.cli import app

TIMEOUT_S, LATEST_S = 0.5, 2.5
ERROR = json.dumps({"error": {"code": "unavailable", "message": "m", "details": {}}}).encode()
Service = Callable[[], AbstractContextManager[str]]
Wait = Callable[[str], object]


def blocking(address: str) -> object:
    with OcrFleetClient(address) as client:
        return client.wait(JOB, timeout_s=TIMEOUT_S)


def awaited(address: str) -> object:
    async def wait() -> Job:
        async with AsyncOcrFleetClient(address) as client:
            return await client.wait(JOB, timeout_s=TIMEOUT_S)

    return asyncio.run(wait())


def watched(address: str) -> object:
    """As the commands wait."""
    with OcrFleetClient(address) as client:
        return Watch(client, [shown(JobState.QUEUED)]).follow(["page.png"], timeout_s=TIMEOUT_S, quiet=True)


def followed(address: str) -> object:
    with OcrFleetClient(address, timeout_s=TIMEOUT_S) as client:
        return list(client.events(JOB, outage_s=TIMEOUT_S))


@contextmanager
def silent() -> Iterator[str]:
    """Accepts and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@contextmanager
def dripping() -> Iterator[str]:
    """Begins an answer and sends a byte of it now and then, so that no read of it takes long."""
    is_over = threading.Event()

    def drip(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.sendall(b"HTTP/1.1 200 OK\r\nX-Long: ")
            while not is_over.wait(0.1):
                connection.sendall(b"x")

    def accept() -> None:
        with suppress(OSError):
            while not is_over.is_set():
                threading.Thread(target=drip, args=(server.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        is_over.set()
        server.shutdown(socket.SHUT_RDWR)


class Refusing(BaseHTTPRequestHandler):
    asked: list[float]

    def do_GET(self) -> None:
        self.asked.append(time.monotonic())
        self.send_response(503)
        self.send_header("Retry-After", "10")
        self.send_header("Content-Length", str(len(ERROR)))
        self.end_headers()
        self.wfile.write(ERROR)

    def log_message(self, *_: object) -> None:
        pass


class Elsewhere(Refusing):
    """A web site that has a page for every path."""

    def do_GET(self) -> None:
        self.asked.append(time.monotonic())
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", "16")
        self.end_headers()
        self.wfile.write(b"<p>\n: hello\n</p>")


@contextmanager
def elsewhere() -> Iterator[str]:
    with listening(type("Own", (Elsewhere,), {"asked": []})) as address:
        yield address


@contextmanager
def refusing() -> Iterator[str]:
    with listening(type("Own", (Refusing,), {"asked": []})) as address:
        yield address


@pytest.mark.parametrize("wait", [blocking, awaited, watched])
@pytest.mark.parametrize("service", [silent, dripping, refusing, elsewhere])
def test_a_wait_ends_with_its_time(service: Service, wait: Wait) -> None:
    with service() as address:
        began = time.monotonic()
        with pytest.raises(Unavailable):
            wait(address)
        assert TIMEOUT_S <= time.monotonic() - began < LATEST_S


@pytest.mark.parametrize("service", [silent, refusing, elsewhere])
def test_events_are_given_up_when_the_service_is_away_for_longer_than_was_said(
    service: Service,
) -> None:
    with service() as address:
        began = time.monotonic()
        with pytest.raises(Unavailable):
            followed(address)
        assert TIMEOUT_S <= time.monotonic() - began < 2 * LATEST_S


@pytest.mark.parametrize("service", [silent, dripping, refusing])
def test_the_command_that_waits_ends_with_its_time(service: Service) -> None:
    with service() as address:
        began = time.monotonic()
        done = CliRunner().invoke(app, ["wait", JOB, "--timeout", str(TIMEOUT_S), "--server", address, "--json"])
        assert time.monotonic() - began < LATEST_S
    assert done.exit_code == ExitCode.UNREACHABLE


def test_a_service_that_names_a_time_is_not_asked_before_it_is_over() -> None:
    patience = Patience(time.monotonic() + 60)
    assert patience.pause_s(RateLimited(retry_after_s=7)) == 7
    assert patience.pause_s(Unavailable(retry_after_s=3600)) == 10
    assert Patience(time.monotonic() + 1).pause_s(RateLimited(retry_after_s=7)) <= 1


def test_a_look_at_a_store_that_hangs_ends_with_its_time() -> None:
    release = threading.Event()
    began = time.monotonic()
    with pytest.raises(Unavailable):
        patient_look(lambda: release.wait(30), deadline=time.monotonic() + TIMEOUT_S)
    release.set()
    assert time.monotonic() - began < LATEST_S


def test_what_is_asked_in_time_answers_or_raises_as_it_would_have_straight() -> None:
    def fail() -> None:
        raise TimeoutError("its own")

    assert in_time(lambda: 1, within_s=5) == 1
    with pytest.raises(TimeoutError, match="its own"):
        in_time(fail, within_s=5)


def test_a_wait_need_not_have_an_end() -> None:
    class Ended(Refusing):
        def do_GET(self) -> None:
            body = shown(JobState.SUCCEEDED).model_dump_json().encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    async def wait(address: str) -> Job:
        async with AsyncOcrFleetClient(address) as client:
            return await client.wait(JOB, timeout_s=math.inf)

    with listening(Ended) as address, OcrFleetClient(address) as client:
        assert client.wait(JOB, timeout_s=math.inf) == asyncio.run(wait(address))


def test_many_wait_at_once_without_holding_up_each_other() -> None:
    at_once = 150

    async def wait() -> None:
        asked, everybody = 0, asyncio.Event()

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal asked
            await reader.readuntil(b"\r\n\r\n")
            asked += 1
            if asked == at_once:
                everybody.set()
            await everybody.wait()
            body = shown(JobState.SUCCEEDED).model_dump_json().encode()
            writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            writer.close()

        async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
            address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            async with AsyncOcrFleetClient(address) as client:
                ended = await asyncio.gather(*(client.wait(JOB, timeout_s=10) for _ in range(at_once)))
        assert {job.status for job in ended} == {JobState.SUCCEEDED}

    asyncio.run(wait())
