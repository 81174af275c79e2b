"""Redis that answers and does not take writes, and Redis that lost its last second: told to the caller, and mended."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

import httpx
import pytest
from redis import Redis
from redis.exceptions import ResponseError

from producer.backends.celery_queue import KEY_PREFIX
from producer.backends.local_objects import LocalObjectStore
from producer.contract import names
from producer.contract.errors import NotFound, Unavailable
from producer.contract.jobs import JobState
from producer.contract.leases import LeaseState, Plan
from producer.contract.webhooks import event_id
from tests.contract.job_stores import CPU
from tests.faults.api_process import ApiProcess, api_process
from tests.faults.bench import LATEST_S, Bench, request_of
from tests.faults.caseload import FILENAME
from tests.faults.commands import READ, document
from tests.faults.redis_control import RedisControl, redis_control
from tests.servers.process import wait_until

LOADING_S = 4.0
ENDS = ("succeeded", "cancelled")
WEBHOOK = {"url": "https://example.org/hook"}


@pytest.fixture(scope="module")
def control() -> Iterator[RedisControl]:
    """Its append log reaches the disk once a second."""
    with redis_control(fsync="everysec") as control:
        yield control


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("refused")


@pytest.fixture(scope="module")
def api(control: RedisControl, place: Path) -> Iterator[ApiProcess]:
    with api_process(place, redis_url=control.server.url, store_url=(place / "objects").as_uri()) as api:
        yield api


@pytest.fixture
def bench(control: RedisControl, place: Path, desk: Path) -> Iterator[Bench]:
    control.heal()
    control.flush(0)
    bench = Bench(control.server.url, LocalObjectStore(place / "objects"), desk=desk)
    for key in bench.objects.keys("jobs/"):
        bench.objects.delete(key)
    yield bench
    control.heal()
    bench.close()


@contextmanager
def full(control: RedisControl) -> Iterator[None]:
    control.fill()
    yield
    control.empty()


@contextmanager
def read_only(control: RedisControl) -> Iterator[None]:
    control.become_read_only()
    yield
    control.become_writable()


@contextmanager
def loading(control: RedisControl) -> Iterator[None]:
    control.restart_loading(at_least_s=LOADING_S)
    assert control.is_loading()
    yield
    assert control.is_loading(), "it was too quick"
    control.wait_loaded()


@contextmanager
def busy(control: RedisControl) -> Iterator[None]:
    """Somebody's script does not end, until it is killed."""
    control.client.config_set("lua-time-limit", 50)

    def spin() -> None:
        with Redis.from_url(control.server.url, socket_timeout=LATEST_S) as client, suppress(ResponseError):
            client.eval("while true do end", 0)

    thread = threading.Thread(target=spin)
    thread.start()
    wait_until(lambda: is_busy(control), lambda: "the script does not run")
    yield
    control.client.script_kill()
    thread.join()


def is_busy(control: RedisControl) -> bool:
    try:
        control.client.get("any")
    except ResponseError as error:
        return str(error).startswith("BUSY")
    return False


TROUBLES: dict[str, Callable[[RedisControl], AbstractContextManager[None]]] = {
    "full": full,
    "read_only": read_only,
    "loading": loading,
    "busy": busy,
}


def send(api: ApiProcess, data: bytes, key: str) -> httpx.Response:
    return httpx.post(
        f"{api.url}/v1/jobs",
        files={"file": (FILENAME, data)},
        data={"request": '{"outputs": ["json"]}'},
        headers={"Idempotency-Key": key},
        timeout=60,
        trust_env=False,
    )


def keys(bench: Bench) -> dict[str, object]:
    """Everything in the database, with its content."""
    client = bench.client
    readers: dict[str, Callable[[str], object]] = {
        "string": client.get,
        "hash": client.hgetall,
        "list": lambda key: client.lrange(key, 0, -1),
        "set": client.smembers,
        "zset": lambda key: client.zrange(key, 0, -1, withscores=True),
        "stream": client.xrange,
    }
    return {str(key): readers[str(client.type(key))](str(key)) for key in client.scan_iter(count=1000)}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_submission_is_answered_with_503_and_leaves_no_half_of_a_job(
    bench: Bench, api: ApiProcess, control: RedisControl, trouble: str
) -> None:
    """Row 19: full, read-only, LOADING, held up by a script: refused whole, and accepted when it is over."""
    data = document([READ])
    send(api, document([READ], first_number=1), "before")  # everybody is connected
    bench.finish()
    before, objects_before = keys(bench), set(bench.objects.keys("jobs/"))
    with TROUBLES[trouble](control):
        refused = send(api, data, "once")
        live = httpx.get(f"{api.url}/health/live", timeout=10, trust_env=False)
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "unavailable")
    assert int(refused.headers["Retry-After"]) > 0
    assert live.status_code == 200
    assert keys(bench) == before
    if trouble in ("full", "read_only"):  # refused for certain; else the bytes wait for the sweep
        assert set(bench.objects.keys("jobs/")) == objects_before
    accepted, again = send(api, data, "once"), send(api, data, "once")
    assert (accepted.status_code, again.status_code) == (202, 200)
    assert accepted.json()["id"] == again.json()["id"]
    (earlier,) = set(bench.collector.job_ids()) - {accepted.json()["id"]}
    bench.enter(earlier, document([READ], first_number=1))
    bench.enter(accepted.json()["id"], data)
    bench.finish()
    assert bench.client.delete(f"{KEY_PREFIX}{names.QUEUE_ANY}")  # the API has rung, and nobody listens here
    assert bench.violations() == []


@pytest.mark.parametrize("trouble", ["full", "read_only", "busy"])
def test_a_change_is_refused_whole_or_done_whole(bench: Bench, control: RedisControl, trouble: str) -> None:
    """Row 19: no script is done by half, and all can be done afterwards."""
    running = bench.submit(READ, states=ENDS, webhook=WEBHOOK)
    claim = bench.store.leases.claim(CPU, lease_s=60)
    assert claim
    bench.store.leases.plan(claim.lease, Plan(page_count=1, pages_total=1, unit_pages=1))
    ended, waiting = (bench.submit(READ, states=ENDS, webhook=WEBHOOK) for _ in range(2))
    bench.producer.cancel(ended)
    lease, leases, jobs, event = claim.lease, bench.store.leases, bench.store.jobs, event_id(ended, 0)
    changes: dict[str, Callable[[], object]] = {
        "submit": lambda: bench.producer.submit(document([READ]), request_of({})),
        "claim": lambda: leases.claim(CPU, lease_s=60),
        "begin": lambda: leases.begin(lease, 1),
        "page": lambda: leases.page(lease, 1),
        "retry": lambda: jobs.retry(ended),
        "webhook_claim": lambda: bench.store.outbox.claim(event, lease_s=60),
        "redeliver": lambda: bench.producer.redeliver(event),
        "cancel_running": lambda: jobs.cancel(running),
        "complete": lambda: leases.complete(lease, lease_s=60),
        "finish": lambda: leases.finish(lease, JobState.SUCCEEDED, error=None, outputs={}, is_dead=False),
        "cancel_waiting": lambda: jobs.cancel(waiting),
    }
    done = []
    with TROUBLES[trouble](control):
        for name, change in changes.items():
            try:
                change()
                done.append(name)
            except Unavailable:
                continue
    assert done == []
    assert bench.producer.status(running).status is JobState.RUNNING
    leases.finish(lease, JobState.SUCCEEDED, error=None, outputs={}, is_dead=False)
    jobs.cancel(waiting)
    ends = {running: "job.succeeded", waiting: "job.cancelled", ended: "job.cancelled"}
    for job_id, end in ends.items():
        assert [row.type for row in bench.producer.deliveries(job_id)] == [end]
    assert bench.store.leases.claim(CPU, lease_s=60) is None
    assert bench.violations() == []


def test_a_worker_whose_redis_fills_up_in_the_middle_goes_on_when_there_is_room(
    bench: Bench, control: RedisControl, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Row 19: a page is stored and cannot be counted; the unit comes back and the page is counted once."""
    job_id = bench.submit(READ, READ, READ)
    put = bench.objects.put

    def fill_then_put(key: str, *rest: object, **options: object) -> None:
        if key.endswith("pages/00002.json"):
            control.fill()
        put(key, *rest, **options)  # type: ignore[arg-type]  # what came is passed on

    with monkeypatch.context() as patch:
        patch.setattr(bench.objects, "put", fill_then_put)
        assert bench.processor().work(keep_message=lambda: None)
    control.empty()
    job = bench.producer.status(job_id)
    assert (job.status, job.attempts, job.progress.pages_done) == (JobState.RUNNING, 1, 1)
    bench.finish()
    assert bench.producer.status(job_id).progress.pages_done == 3
    assert bench.violations() == []


def lose(bench: Bench, control: RedisControl, doing: Callable[[], object]) -> object:
    """What `doing` answered, of which nothing is left: the power went before it was on disk."""
    before = int(bench.client.info("persistence")["aof_current_size"])
    answer = doing()
    written = int(bench.client.info("persistence")["aof_current_size"]) - before
    assert written > 0
    control.lose_tail(written)
    return answer


def test_a_submission_that_redis_forgot_is_safe_to_send_again(bench: Bench, control: RedisControl) -> None:
    """Row 15: answered 202 in the last second, and gone. The same key makes one new job, and once only."""
    data = document([READ, READ])

    def submit() -> str:
        return bench.producer.submit(data, request_of({}), filename=FILENAME, idempotency_key="once").id

    kept = bench.submit(READ)
    lost = str(lose(bench, control, submit))
    with pytest.raises(NotFound):
        bench.producer.status(lost)
    again = {submit() for _ in range(3)}
    assert len(again) == 1
    bench.enter(again.pop(), data)
    assert bench.producer.status(kept)
    bench.finish()
    assert bench.violations() == []


def test_a_claim_that_redis_forgot_is_not_mistaken_for_the_next_one(bench: Bench, control: RedisControl) -> None:
    """Row 15: the count of tokens went back with the rest; the worker of the forgotten claim is fenced all the same."""
    job_id = bench.submit(READ)
    ghosts = []
    lose(bench, control, lambda: ghosts.append(bench.store.leases.claim(CPU, lease_s=60)))
    claim, (ghost,) = bench.store.leases.claim(CPU, lease_s=60), ghosts
    assert claim
    assert ghost
    assert (claim.lease.job_id, claim.lease.unit) == (ghost.lease.job_id, ghost.lease.unit)
    assert bench.store.leases.page(ghost.lease, 1).state is LeaseState.STALE
    assert bench.store.leases.heartbeat(claim.lease, lease_s=60).state is LeaseState.HELD
    bench.finish()
    assert bench.producer.status(job_id).status is JobState.SUCCEEDED
    assert bench.violations() == []


def test_an_end_that_redis_forgot_comes_again_with_the_same_pages_and_event(
    bench: Bench, control: RedisControl
) -> None:
    """Row 15: the job was finished and is open again; its second end says the same under the same id."""
    job_id = bench.submit(READ, READ, READ, webhook=WEBHOOK)
    lose(bench, control, bench.finish)
    assert not bench.producer.status(job_id).status.is_terminal
    bench.finish()
    assert [row.id for row in bench.producer.deliveries(job_id)] == [event_id(job_id, 0)]
    assert bench.violations() == []
