"""Redis as it is run in production: behind Sentinels, with TLS, with a user of few rights, with two databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from producer.backends.celery_queue import KEY_PREFIX, CeleryQueue
from producer.backends.redis_address import broker_of
from producer.backends.redis_store import PREFIX, RedisJobStore
from producer.connect import connect
from producer.contract.errors import InvalidRequest, OcrFleetError, Refused, Unavailable
from producer.contract.jobs import JobState
from producer.settings import Settings
from tests.contract.job_stores import CPU, new_job
from tests.integration.serving import PNG
from tests.servers.process import wait_until
from tests.servers.redis import RedisServer, redis_server
from tests.servers.sentinel import Watched, watched_redis
from tests.servers.tls import TlsFront, make_certificate, tls_front

RIGHTS = f"~{PREFIX}* ~{KEY_PREFIX}* &* +@all -@admin -@dangerous +info"


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with redis_server(fsync="always") as server:
        yield server


@pytest.fixture(scope="module")
def watched() -> Iterator[Watched]:
    with watched_redis() as watched:
        yield watched


def works(url: str) -> None:
    """Submit, ring, claim."""
    store, queue = RedisJobStore(url), CeleryQueue(url)
    store.ping()
    job_id = store.jobs.submit(new_job()).job_id
    queue.ring("ocr.any")
    claim = store.leases.claim(CPU, lease_s=60)
    assert claim
    assert claim.lease.job_id == job_id
    store.jobs.forget(job_id)
    queue.close()
    store.close()


def test_a_failover_of_sentinels_is_followed_and_costs_no_job(watched: Watched) -> None:
    works(watched.url)
    store = RedisJobStore(watched.url)
    job_id = store.jobs.submit(new_job()).job_id
    with redis.Redis(port=watched.replica_port) as replica:
        wait_until(lambda: bool(replica.exists(f"{PREFIX}job:{job_id}")), lambda: "the job is not on the replica")
    watched.master.kill()
    wait_until(watched.promoted, lambda: "nobody was made the master")

    def answers() -> bool:
        try:
            return store.jobs.get(job_id).job.status is JobState.QUEUED
        except OcrFleetError:
            return False

    wait_until(answers, lambda: "the store does not find the new master")
    store.close()


def test_a_sentinel_url_says_what_celery_must_be_told() -> None:
    broker = broker_of("redis+sentinel://u:p@a:1,b/ocr/3?sentinel_password=s")
    assert broker.url == "sentinel://u:p@a:1/3;sentinel://u:p@b:26379/3"
    assert broker.options == {"master_name": "ocr", "sentinel_kwargs": {"password": "s"}}
    assert broker.tls is None
    secure = broker_of("rediss+sentinel://a/ocr?ssl_ca_certs=/ca.pem")
    assert secure.tls == {"ssl_cert_reqs": "required", "ssl_ca_certs": "/ca.pem"}
    with pytest.raises(InvalidRequest, match="redis\\+sentinel"):
        broker_of("redis+sentinel://a:1/")


def test_behind_sentinels_jobs_and_messages_speak_tls_with_servers_that_are_trusted(tmp_path: Path) -> None:
    make_certificate(tmp_path / "other.pem", tmp_path / "other-key.pem")
    with watched_redis(tls=True) as watched:
        works(watched.url)
        # Another database, because kombu keeps connections for all who name the same.
        distrusting = f"{watched.url.partition('/0?')[0]}/1?ssl_ca_certs={tmp_path / 'other.pem'}"
        with pytest.raises(Unavailable):
            RedisJobStore(distrusting).ping()
        with pytest.raises(Unavailable):
            CeleryQueue(distrusting).ring("ocr.any")


@pytest.fixture
def front(server: RedisServer, tmp_path: Path) -> Iterator[TlsFront]:
    with tls_front(server.port, tmp_path) as front:
        yield front


def test_tls_is_spoken_with_a_server_that_is_trusted_and_with_no_other(front: TlsFront, tmp_path: Path) -> None:
    url = f"rediss://127.0.0.1:{front.port}/0?ssl_cert_reqs=required&ssl_ca_certs="
    works(f"{url}{front.certificate}")
    make_certificate(tmp_path / "other.pem", tmp_path / "other-key.pem")
    with pytest.raises(Unavailable):
        RedisJobStore(f"{url}{tmp_path / 'other.pem'}").ping()


def test_a_user_with_the_rights_that_are_documented_is_enough(server: RedisServer) -> None:
    with redis.Redis.from_url(server.url) as admin:
        admin.execute_command("ACL", "SETUSER", "ocr", "on", ">secret", *RIGHTS.split())
    works(f"redis://ocr:secret@127.0.0.1:{server.port}/0")


def test_messages_have_a_database_of_their_own_and_its_loss_costs_no_job(server: RedisServer, tmp_path: Path) -> None:
    settings = Settings(
        redis_url=server.database_url(1), broker_url=server.database_url(2), store_url=tmp_path.as_uri()
    )
    producer = connect(settings)
    job = producer.submit(PNG, filename="page.png")
    with redis.Redis.from_url(server.database_url(1)) as jobs, redis.Redis.from_url(server.database_url(2)) as messages:
        assert all(key.startswith(PREFIX.encode()) for key in jobs.scan_iter("*"))
        assert all(key.startswith(KEY_PREFIX.encode()) for key in messages.scan_iter("*"))
        assert messages.llen(f"{KEY_PREFIX}ocr.any") == 1
        messages.flushdb()
    assert producer.status(job.id).status is JobState.QUEUED
    producer.close()


def test_a_submission_that_a_redis_without_its_replicas_refused_leaves_nothing(
    server: RedisServer, tmp_path: Path
) -> None:
    producer, store = connect(Settings(redis_url=server.url, store_url=tmp_path.as_uri())), RedisJobStore(server.url)
    store.jobs.submit(job := new_job())
    with redis.Redis.from_url(server.url) as admin:
        admin.config_set("min-replicas-to-write", 1)
        with pytest.raises(Refused, match="NOREPLICAS"):
            producer.submit(PNG, filename="page.png", idempotency_key="k")
        assert [path for path in tmp_path.rglob("*") if path.is_file() and "jobs" in path.parts] == []
        # Asked again, because the first answer was lost: it is there, and no refusal takes its document away.
        assert store.jobs.submit(job).job_id == job.id
        admin.config_set("min-replicas-to-write", 0)
    store.close()
    assert producer.submit(PNG, filename="page.png", idempotency_key="k").status is JobState.QUEUED
    producer.close()


def test_a_redis_that_may_lose_jobs_is_warned_of(server: RedisServer) -> None:
    store = RedisJobStore(server.url)
    assert store.warnings() == []
    with redis.Redis.from_url(server.url) as admin:
        admin.config_set("maxmemory-policy", "allkeys-lru")
        admin.config_set("appendonly", "no")
        assert ["allkeys-lru" in store.warnings()[0], "appendonly" in store.warnings()[1]] == [True, True]
        admin.config_set("maxmemory-policy", "noeviction")
        admin.config_set("appendonly", "yes")
    store.close()
