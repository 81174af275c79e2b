"""Waiting for a job: an interruption of the service is waited out, over every way to wait."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from producer.backends.celery_queue import CeleryQueue
from producer.backends.memory_objects import MemoryObjectStore
from producer.backends.redis_store import RedisJobStore
from producer.contract.errors import NotFound, Unavailable, WaitTimeout
from producer.contract.jobs import Job, JobState, links_of
from producer.direct import Producer
from producer.progress import Watch
from producer.wire import verbs
from producer.wire.calls import TRIES, Answer, Call, Pause, Steps
from tests.integration.conftest import LIMITS
from tests.integration.serving import PNG, work
from tests.servers.redis import RedisServer, redis_server

JOB = "0" * 32
AWAY = Answer(status=503, content=b'{"error": {"code": "unavailable", "message": "m", "details": {}}}')
Wait = Callable[[Producer, Job], Job]


@pytest.fixture
def own_redis() -> Iterator[RedisServer]:
    with redis_server(fsync="always") as server:
        yield server


@pytest.mark.parametrize(
    "wait",
    [
        lambda producer, job: producer.wait(job.id, timeout_s=30),
        lambda producer, job: Watch(producer, [job]).follow([job.id], timeout_s=30, quiet=True)[0],
    ],
    ids=["Producer.wait", "Watch.follow"],
)
def test_who_waits_straight_does_not_notice_that_redis_was_away(own_redis: RedisServer, wait: Wait) -> None:
    store, objects = RedisJobStore(own_redis.url), MemoryObjectStore()
    producer = Producer(store, objects, CeleryQueue(own_redis.url), LIMITS)
    job = producer.submit(PNG)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(wait, producer, job)
        own_redis.kill()
        is_over = _ends_within(waiting, 1.0)
        own_redis.restart()
        assert not is_over
        work(store, objects, job.id)
        assert waiting.result().status is JobState.SUCCEEDED
    producer.close()


def _ends_within(waiting: Future[Job], seconds: float) -> bool:
    ended = threading.Event()
    waiting.add_done_callback(lambda _: ended.set())
    return ended.wait(seconds)


def test_who_waits_over_http_does_not_notice_that_the_service_was_away() -> None:
    steps = verbs.wait(JOB, timeout_s=60)
    for _ in range(5 * TRIES):
        _answered(steps, AWAY)
    _answered(steps, Answer(status=502, content=b"<html>"))
    job = shown(JobState.SUCCEEDED)
    with pytest.raises(StopIteration) as end:
        _answered(steps, Answer(status=200, content=job.model_dump_json().encode()))
    assert end.value.value == job


def test_what_stays_away_is_told_when_the_time_is_over() -> None:
    steps = verbs.wait(JOB, timeout_s=0)
    with pytest.raises(Unavailable):
        for _ in range(TRIES):
            _answered(steps, AWAY)


def test_what_asking_again_does_not_mend_ends_the_wait() -> None:
    steps = verbs.wait(JOB, timeout_s=60)
    with pytest.raises(NotFound):
        _answered(steps, Answer(status=404, content=AWAY.content.replace(b"unavailable", b"not_found")))


def test_a_watch_that_is_given_up_knows_what_the_last_look_showed() -> None:
    class Service:
        def status(self, job_id: str) -> Job:
            return shown(JobState.RUNNING)

    watch = Watch(Service(), [shown(JobState.QUEUED)])
    with pytest.raises(WaitTimeout):
        watch.follow(["page.png"], timeout_s=0, quiet=True)
    assert [job.status for job in watch.jobs] == [JobState.RUNNING]


def test_a_watch_of_a_service_that_stays_away_ends_with_its_time() -> None:
    class Away:
        def status(self, job_id: str) -> Job:
            raise Unavailable()

    began = time.monotonic()
    with pytest.raises(Unavailable):
        Watch(Away(), [shown(JobState.QUEUED)]).follow(["page.png"], timeout_s=0.5, quiet=True)
    assert time.monotonic() - began >= 0.5


def shown(state: JobState) -> Job:
    return Job(id=JOB, status=state, created_at=datetime(2026, 1, 1, tzinfo=UTC), links=links_of(JOB))


def _answered(steps: Steps[Job], answer: Answer) -> None:
    """Answer the next call; pauses pass at once."""
    step = next(steps)
    while isinstance(step, Pause):
        step = steps.send(None)
    assert isinstance(step, Call)
    steps.send(answer)
