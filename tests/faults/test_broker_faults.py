"""Redis that dies, freezes, hangs up, lies on the wire or forgets its messages: nothing accepted is lost."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import httpx
import pytest
import uvicorn

from producer.api.app import create_app
from producer.backends.celery_queue import KEY_PREFIX
from producer.connect import connect
from tests.faults.caseload import FILENAME
from tests.faults.commands import READ, sleep
from tests.faults.fleet import Fleet
from tests.faults.tcp_proxy import Kind
from tests.servers.process import wait_until

STEADY = [sleep(0.3)] * 4  # two units that take over a second together
RESUMED_S = 15.0
STALLED_S = 60.0


@pytest.fixture
def api(fleet: Fleet) -> Iterator[httpx.Client]:
    """The HTTP API on a socket, that reaches Redis as the workers do."""
    settings = fleet.jobs.settings.model_copy(update={"redis_url": fleet.environment["OCRFLEET_REDIS_URL"]})
    producer = connect(settings)
    server = uvicorn.Server(uvicorn.Config(create_app(producer, settings), port=0, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_until(lambda: server.started, lambda: "the API does not start")
        port = server.servers[0].sockets[0].getsockname()[1]
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join()
        producer.close()


def submit(fleet: Fleet, api: httpx.Client, key: str) -> httpx.Response:
    """Submit a document over HTTP; an accepted one is entered in the ledger."""
    data = fleet.jobs.document(READ)
    request = fleet.jobs.request().model_dump_json(exclude_defaults=True)
    answer = api.post(
        "/v1/jobs",
        files={"file": (FILENAME, data), "request": (None, request, "application/json")},
        headers={"Idempotency-Key": key},
    )
    if answer.status_code == httpx.codes.ACCEPTED:
        fleet.jobs.enter(answer.json()["id"], data)
    return answer


STEPS: dict[str, Callable[[Fleet], None]] = {
    "queued": lambda fleet: None,
    "reading": lambda fleet: fleet.jobs.wait_begun(1),
    "half_done": lambda fleet: fleet.jobs.wait_begun(3),
    "ended": lambda fleet: fleet.jobs.drain(),
}


@pytest.mark.parametrize("step", STEPS)
def test_redis_killed_and_restarted_loses_no_accepted_job(fleet: Fleet, api: httpx.Client, step: str) -> None:
    """Row 14; the API answers 503 with Retry-After meanwhile."""
    fleet.jobs.submit(*STEADY)
    STEPS[step](fleet)
    fleet.control.kill()
    refused = submit(fleet, api, f"refused-{step}")
    assert refused.status_code == httpx.codes.SERVICE_UNAVAILABLE
    assert int(refused.headers["Retry-After"]) > 0
    fleet.control.heal()
    assert submit(fleet, api, f"accepted-{step}").status_code == httpx.codes.ACCEPTED
    fleet.check()


def freeze(fleet: Fleet, seconds: float) -> None:
    """Freeze Redis while a document is read, and thaw it."""
    job = fleet.jobs.submit(*STEADY)
    fleet.jobs.wait_begun(1)
    children = [node.main for node in fleet.nodes()]
    fleet.control.pause()
    time.sleep(seconds)
    fleet.control.resume()
    fleet.check()
    assert children == [node.main for node in fleet.nodes()]
    assert fleet.jobs.job(job).progress.pages_done == len(STEADY)


def test_redis_frozen_for_five_seconds_is_waited_for(fleet: Fleet) -> None:
    """Row 16: longer than a lease."""
    freeze(fleet, 5)


@pytest.mark.soak
@pytest.mark.parametrize("seconds", [20, 60])
def test_redis_frozen_for_long_is_waited_for(fleet: Fleet, seconds: float) -> None:
    """Row 16, in the long form."""
    freeze(fleet, seconds)


def test_workers_take_up_work_after_every_connection_was_dropped(fleet: Fleet) -> None:
    """Row 17."""
    fleet.jobs.submit(*STEADY)
    fleet.jobs.wait_begun(1)
    assert fleet.control.drop_connections() >= 3
    dropped_at = time.monotonic()
    fleet.jobs.submit(READ)
    fleet.jobs.wait_begun(len(STEADY) + 1)
    assert time.monotonic() - dropped_at < RESUMED_S
    fleet.check()


@pytest.mark.parametrize(
    ("kind", "amount"), [(Kind.RESET, 0), (Kind.REFUSE, 0), (Kind.DELAY, 0.3), (Kind.CUT, 40), (Kind.THROTTLE, 20_000)]
)
def test_a_bad_connection_to_redis_loses_nothing(fleet: Fleet, kind: Kind, amount: float) -> None:
    """Row 18: reset, refused, slow, or cut in the middle of an answer."""
    fleet.jobs.submit(*STEADY)
    fleet.jobs.wait_begun(1)
    fleet.proxy.behave(kind, amount)
    fleet.jobs.submit(READ)
    time.sleep(3)
    fleet.proxy.heal()
    fleet.check()


def test_connections_that_fell_silent_are_given_up_within_a_minute(fleet: Fleet) -> None:
    """Row 18: half open. Those that were open when it happened stay silent for ever."""
    fleet.jobs.submit(*STEADY)
    fleet.jobs.wait_begun(1)
    fleet.proxy.behave(Kind.BLACK_HOLE)
    time.sleep(1)
    fleet.proxy.heal()
    fallen_at = time.monotonic()
    fleet.jobs.submit(READ)
    fleet.check()
    assert time.monotonic() - fallen_at < STALLED_S


def test_messages_that_vanish_are_sent_again(fleet: Fleet) -> None:
    """Row 20: everything of the broker's is gone, queues, bindings and unacknowledged messages alike."""
    for node in (fleet.first, fleet.second):
        node.pause()
    for _ in range(5):
        fleet.jobs.submit(READ)
    client = fleet.control.client
    for key in client.scan_iter(f"{KEY_PREFIX}*"):
        client.delete(key)
    for node in (fleet.first, fleet.second):
        node.resume()
    fleet.check()
