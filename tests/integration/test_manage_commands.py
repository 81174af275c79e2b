"""The commands that manage jobs, on a real Redis and a folder of objects, in this process."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
import redis
from typer.testing import CliRunner, Result

from producer.backends.local_objects import LocalObjectStore
from producer.backends.redis_store import PREFIX, RedisJobStore
from producer.connect import connect
from producer.contract.jobs import JobError, JobState
from producer.contract.keys import Tenant
from producer.contract.webhooks import DeliveryState, Outcome
from tests.integration.serving import PNG, taken
from workers.cli import app

STUCK = JobError(code="page_timeout", message="too slow", retryable=True)
Run = Callable[..., Result]


@pytest.fixture
def run(redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("OCRFLEET_REDIS_URL", redis_url)
    monkeypatch.setenv("OCRFLEET_STORE_URL", f"file://{tmp_path}/objects")
    monkeypatch.setenv("OCRFLEET_WEBHOOK_SECRET", "whsec_c2VjcmV0c2VjcmV0")
    (tmp_path / "page.png").write_bytes(PNG)
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(app, arguments)


@pytest.fixture
def objects(tmp_path: Path) -> LocalObjectStore:
    return LocalObjectStore(tmp_path / "objects")


def submitted(run: Run, *options: str) -> str:
    done = run("submit", "page.png", "--json", *options)
    assert done.exit_code == 0, done.output
    job_id: str = json.loads(done.stdout)["id"]
    return job_id


def gave_up(run: Run, store: RedisJobStore, *options: str) -> str:
    job_id = submitted(run, *options)
    lease = taken(store, job_id)
    store.leases.page(lease, 1, error=STUCK)
    store.leases.finish(lease, JobState.FAILED, error=STUCK, outputs={}, is_dead=True)
    return job_id


def test_jobs_are_listed_by_command(run: Run) -> None:
    first, second = submitted(run, "--tag", "a"), submitted(run)
    listed = json.loads(run("list", "--json").stdout)
    assert [job["id"] for job in listed["jobs"]] == [second, first]
    assert [job["id"] for job in json.loads(run("list", "--tag", "a", "--json").stdout)["jobs"]] == [first]
    run("cancel", second)
    assert run("list", "--status", "cancelled").stdout.startswith(second)
    page = run("list", "--limit", "1")
    assert f"--cursor {second}" in page.stderr
    assert run("list", "--cursor", second).stdout.startswith(first)
    assert run("list", "--cursor", "wrong").exit_code == 2


def test_the_operator_lists_jobs_and_dead_letters_of_an_owner_by_command(run: Run, store: RedisJobStore) -> None:
    own = gave_up(run, store)
    with closing(connect()) as operator:
        theirs = operator.of(Tenant(owner="acme")).submit(PNG).id
    store.leases.finish(taken(store, theirs), JobState.FAILED, error=STUCK, outputs={}, is_dead=True)
    assert [job["id"] for job in json.loads(run("list", "--json").stdout)["jobs"]] == [own]
    assert [job["id"] for job in json.loads(run("list", "--owner", "acme", "--json").stdout)["jobs"]] == [theirs]
    assert [job["id"] for job in json.loads(run("dead", "list", "--owner", "acme", "--json").stdout)] == [theirs]
    assert [job["id"] for job in json.loads(run("dead", "list", "--owner", "", "--json").stdout)] == [own]
    everybodys = run("dead", "list").stdout.splitlines()
    assert ["owner acme" in line for line in everybodys] == [True, False]
    assert run("list", "--owner", "not/one").exit_code == 2


def test_keys_are_made_listed_and_revoked_by_command(run: Run) -> None:
    made = run(
        "keys",
        "create",
        "--owner",
        "acme",
        "--scope",
        "read",
        "--days",
        "1",
        "--name",
        "nightly",
        "--pages-in-flight",
        "50",
    )
    key_id = made.stdout.split("_")[1]
    assert made.stdout.count("\n") == 1
    assert "acme" in made.stderr
    shown = run("keys", "list").stdout
    assert key_id in shown
    assert "owner acme  read  50 pages in flight  ends " in shown
    (listed,) = json.loads(run("keys", "list", "--json").stdout)["keys"]
    assert (listed["id"], listed["scopes"]) == (key_id, ["read"])
    assert json.loads(run("keys", "revoke", key_id, "--json").stdout) == {"id": key_id, "revoked": True}
    assert run("keys", "revoke", key_id).exit_code == 4
    assert run("keys", "create", "--owner", "not/one").exit_code == 2


def test_dead_letters_are_listed_shown_and_retried(run: Run, store: RedisJobStore) -> None:
    first, second, third = (gave_up(run, store) for _ in range(3))
    assert {job["id"] for job in json.loads(run("dead", "list", "--json").stdout)} == {first, second, third}
    assert len(run("dead", "list", "--limit", "2").stdout.splitlines()) == 2
    shown = run("dead", "show", first).stdout
    assert "page 1  [page_timeout] too slow" in shown
    assert json.loads(run("dead", "show", first, "--json").stdout)["pages"]["1"]["code"] == "page_timeout"
    assert [job["id"] for job in json.loads(run("dead", "retry", first, "--json").stdout)] == [first]
    retried = json.loads(run("dead", "retry", "--all", "--json").stdout)
    assert {job["id"] for job in retried} == {second, third}
    assert {job["status"] for job in retried} == {"queued"}
    assert json.loads(run("dead", "list", "--json").stdout) == []


def test_retry_all_takes_any_number_and_leaves_out_what_cannot_be(
    run: Run, store: RedisJobStore, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("producer.commands.dead._BATCH", 2)
    old, *jobs = [gave_up(run, store) for _ in range(5)]
    with redis.Redis.from_url(redis_url) as client:
        client.hset(f"{PREFIX}job:{old}", "keep_until_ms", 0)
    done = run("dead", "retry", "--all", "--json")
    assert {job["id"] for job in json.loads(done.stdout)} == set(jobs)
    assert f"{old}  left out [expired]" in done.stderr


def test_retry_names_jobs_or_says_all_but_not_both(run: Run) -> None:
    assert run("dead", "retry").exit_code == 2
    assert run("dead", "retry", "0" * 32, "--all").exit_code == 2
    assert run("dead", "retry", "0" * 32).exit_code == 4


def test_retry_and_delete(run: Run, store: RedisJobStore, objects: LocalObjectStore) -> None:
    job_id = gave_up(run, store)
    assert json.loads(run("retry", job_id, "--json").stdout)["status"] == "queued"
    assert run("retry", job_id).exit_code == 2
    assert json.loads(run("delete", job_id, "--json").stdout) == {"id": job_id, "deleted": True}
    assert list(objects.keys("jobs/")) == []
    assert [run(verb, job_id).exit_code for verb in ("delete", "retry", "status")] == [4, 4, 4]


def test_webhooks_are_listed_and_redelivered(run: Run, store: RedisJobStore) -> None:
    job_id = gave_up(run, store, "--webhook", "https://example.org/hook")
    [delivery] = json.loads(run("webhooks", "list", job_id, "--json").stdout)
    assert (delivery["id"], delivery["state"]) == (f"evt_{job_id}", "pending")
    assert f"evt_{job_id}  job.failed  pending" in run("webhooks", "list", job_id).stdout
    assert json.loads(run("webhooks", "redeliver", f"evt_{job_id}", "--json").stdout)["attempts"] == 0
    for status in (500, 200):
        attempt = store.outbox.claim(f"evt_{job_id}", lease_s=60)
        assert attempt
        store.outbox.settle(attempt, Outcome(state=DeliveryState.DELIVERED, body="{}", status=status))
        again = run("webhooks", "redeliver", f"evt_{job_id}").stdout
    lines = [line.split() for line in again.splitlines()]
    assert "  attempts 2  " in again
    assert [(number, answer[-1]) for number, *answer in lines[1:]] == [("1", "500"), ("2", "200")]
    assert run("webhooks", "redeliver", "evt_nothing").exit_code == 4


def test_submit_may_be_answered_with_a_finished_result(run: Run, store: RedisJobStore) -> None:
    first = submitted(run, "--reuse")
    store.leases.finish(taken(store, first), JobState.SUCCEEDED, error=None, outputs={}, is_dead=False)
    assert submitted(run, "--reuse") == first
    assert submitted(run) != first


def test_recover_says_what_it_did(run: Run, redis_url: str) -> None:
    jobs = [submitted(run), submitted(run)]
    assert json.loads(run("recover", "--json").stdout)["present"] == 2
    with redis.Redis.from_url(redis_url) as client:
        client.flushdb()
    assert run("status", jobs[0]).exit_code == 4
    assert "2 requeued: had not ended" in " ".join(run("recover").stdout.split())
    assert [run("status", job_id).exit_code for job_id in jobs] == [0, 0]
