"""Who may ask for what, over a real socket: keys, scopes, owners apart, shares, and what browsers may not do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import httpx
import pytest

from producer.backends.memory_objects import MemoryObjectStore
from producer.backends.redis_store import RedisJobStore
from producer.client import OcrFleetClient
from producer.contract.errors import Forbidden, InvalidRequest, NotFound, RateLimited, Unauthorized
from producer.contract.jobs import JobError, JobState
from producer.contract.keys import KeyRequest, Scope, Tenant
from producer.direct import Producer
from producer.settings import Settings
from tests.integration.serving import PNG, serving, taken, work

STUCK = JobError(code="page_timeout", message="too slow", retryable=True)
ROUTES_OF_A_JOB = (
    ("GET", "/v1/jobs/{id}"),
    ("GET", "/v1/jobs/{id}/events"),
    ("GET", "/v1/jobs/{id}/result"),
    ("GET", "/v1/jobs/{id}/pages/1"),
    ("GET", "/v1/jobs/{id}/files/result.json"),
    ("GET", "/v1/dead-letters/{id}"),
    ("GET", "/v1/webhook-deliveries?job_id={id}"),
    ("POST", "/v1/webhook-deliveries/evt_{id}/redeliver"),
    ("POST", "/v1/jobs/{id}/cancel"),
    ("POST", "/v1/jobs/{id}/retry"),
    ("DELETE", "/v1/jobs/{id}"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Locked:
    """A service that asks for keys."""

    address: str
    producer: Producer
    clients: ExitStack

    def key(self, *scopes: Scope, owner: str = "", **wanted: object) -> str:
        fields = {"owner": owner, "scopes": scopes or (Scope.SUBMIT, Scope.READ)} | wanted
        return self.producer.create_key(KeyRequest.model_validate(fields)).key

    def client(self, *scopes: Scope, owner: str = "", **wanted: object) -> OcrFleetClient:
        client = OcrFleetClient(self.address, api_key=self.key(*scopes, owner=owner, **wanted))
        return self.clients.enter_context(client)


@pytest.fixture
def locked(producer: Producer) -> Iterator[Locked]:
    settings = Settings(api_keys_required=True, max_file_bytes=1_000_000)
    with serving(producer, settings) as address, ExitStack() as clients:
        yield Locked(address=address, producer=producer, clients=clients)


def test_a_key_opens_what_its_scopes_say_and_nothing_else(locked: Locked) -> None:
    reader, sender, admin = (locked.client(scope) for scope in (Scope.READ, Scope.SUBMIT, Scope.ADMIN))
    job = sender.submit(PNG)
    assert reader.status(job.id).id == job.id
    for refused in (
        lambda: reader.submit(PNG),
        lambda: reader.delete(job.id),
        lambda: sender.status(job.id),
        lambda: sender.list_keys(),
        lambda: admin.status(job.id),
    ):
        with pytest.raises(Forbidden):
            refused()
    assert len(admin.list_keys().keys) == 3


def test_keys_are_made_listed_and_revoked_over_http_and_work_at_once(locked: Locked) -> None:
    with locked.client(Scope.ADMIN) as admin:
        made = admin.create_key(KeyRequest(name="scanner", owner="acme"))
        assert made.key not in str(admin.list_keys())
        with OcrFleetClient(locked.address, api_key=made.key) as client:
            job = client.submit(PNG)
            admin.revoke_key(made.api_key.id)
            with pytest.raises(Unauthorized):
                client.status(job.id)
        with pytest.raises(NotFound):
            admin.revoke_key(made.api_key.id)


def test_the_store_holds_no_secret(locked: Locked, store: RedisJobStore) -> None:
    key = locked.key()
    secret = key.rpartition("_")[2] if key.count("_") == 2 else key.split("_", 2)[2]
    assert all(secret not in row.model_dump_json() for row in store.keys.rows())


@pytest.mark.parametrize("sent", ["wrong", "ocrf_0123456789abcdef_" + "A" * 43, "ключ"])
def test_a_wrong_key_is_refused_before_the_body_is_read(locked: Locked, sent: str) -> None:
    headers = {b"Authorization": f"Bearer {sent}".encode()}
    answer = httpx.post(f"{locked.address}/v1/jobs", files={"file": PNG}, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "unauthorized")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_key_with_its_last_sign_changed_is_refused(locked: Locked) -> None:
    key = locked.key()
    for wrong in (key[:-2] + ("AA" if key[-2:] != "AA" else "BB"), key[:-1], key + "A"):
        with OcrFleetClient(locked.address, api_key=wrong) as client, pytest.raises(Unauthorized):
            client.status("0" * 32)


def test_a_key_ends_with_its_time(locked: Locked, monkeypatch: pytest.MonkeyPatch) -> None:
    made = locked.producer.create_key(KeyRequest(ttl_s=1))
    assert made.api_key.expires_at is not None
    row = locked.producer.keys._keys.find(made.api_key.id)
    assert row is not None
    past = row.api_key.model_copy(update={"expires_at": made.api_key.created_at})
    locked.producer.keys._keys.add(row.model_copy(update={"api_key": past}))
    with OcrFleetClient(locked.address, api_key=made.key) as client, pytest.raises(Unauthorized, match="has ended"):
        client.jobs()


def test_owners_never_see_each_others_jobs(locked: Locked, store: RedisJobStore, objects: MemoryObjectStore) -> None:
    mine, theirs = locked.client(owner="a"), locked.client(owner="b")
    done = theirs.submit(PNG, webhook={"url": "https://example.org/hook"}).id
    work(store, objects, done)
    dead = theirs.submit(PNG).id
    lease = taken(store, dead)
    store.leases.finish(lease, JobState.FAILED, error=STUCK, outputs={}, is_dead=True)
    headers = {"Authorization": f"Bearer {locked.key(owner='a')}"}
    with httpx.Client(base_url=locked.address, headers=headers) as http:
        for method, path in ROUTES_OF_A_JOB:
            for job_id in (done, dead):
                answer = http.request(method, path.format(id=job_id))
                assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found"), (method, path)
                unknown = http.request(method, path.format(id="0" * 32)).json()["error"]["message"]
                assert answer.json()["error"]["message"].replace(job_id, "") == unknown.replace("0" * 32, "")
    assert mine.jobs().jobs == ()
    assert mine.dead_letters() == []
    assert [job.id for job in theirs.jobs().jobs] == [dead, done]
    assert [job.id for job in theirs.dead_letters()] == [dead]
    assert theirs.result(done)
    assert locked.producer.status(done).id == done


def test_owners_may_use_the_same_idempotency_key(locked: Locked) -> None:
    first, other = (locked.client(owner=owner).submit(PNG, idempotency_key="k") for owner in ("a", "b"))
    assert first.id != other.id


def test_a_key_that_asks_too_often_waits(locked: Locked) -> None:
    key = locked.key(requests_per_minute=10)
    with httpx.Client(base_url=locked.address, headers={"Authorization": f"Bearer {key}"}) as http:
        assert http.get("/v1/jobs").status_code == 200
        answer = http.get("/v1/jobs")
    assert (answer.status_code, answer.json()["error"]["code"]) == (429, "rate_limited")
    assert 1 <= int(answer.headers["Retry-After"]) <= 6


def test_an_owner_with_too_many_pages_in_flight_is_refused_and_leaves_no_objects(
    locked: Locked, objects: MemoryObjectStore
) -> None:
    with locked.client(owner="a", pages_in_flight=1) as client, locked.client(owner="b", pages_in_flight=1) as other:
        first = client.submit(PNG)
        with pytest.raises(RateLimited):
            client.submit(PNG)
        assert len({key.split("/")[1] for key in objects.keys("jobs/")}) == 1
        other.submit(PNG)
        client.cancel(first.id)
        client.submit(PNG)


def test_every_answer_carries_the_security_headers_and_none_of_cors(locked: Locked) -> None:
    key = locked.key()
    for path, status in (("/v1/jobs", 200), ("/health/live", 200), ("/nowhere", 404)):
        headers = {"Authorization": f"Bearer {key}", "Origin": "https://evil.example"}
        answer = httpx.get(f"{locked.address}{path}", headers=headers)
        assert answer.status_code == status
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert answer.headers["Cache-Control"] == "no-store"
        assert len(answer.headers["X-Request-ID"]) == 32
        assert not [name for name in answer.headers if name.lower().startswith("access-control-")]


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "https://evil.example"}, {"Host": "evil.example"}, {"Origin": "null"}, {"Host": "127.0.0.1.x"}],
)
def test_without_keys_pages_of_other_sites_reach_nothing(server: str, headers: dict[str, str]) -> None:
    answer = httpx.post(f"{server}/v1/jobs", files={"file": PNG}, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "forbidden")


@pytest.mark.parametrize(
    "headers", [{"Host": "localhost:9"}, {"Origin": "http://127.0.0.1:8080"}, {"Host": "[::1]:80"}]
)
def test_without_keys_this_machine_is_served(server: str, headers: dict[str, str]) -> None:
    assert httpx.get(f"{server}/v1/jobs", headers=headers).status_code == 200


def test_the_operator_lists_the_jobs_of_an_owner(locked: Locked) -> None:
    job = locked.client(owner="a").submit(PNG)
    assert [one.id for one in locked.producer.of(Tenant(owner="a")).jobs().jobs] == [job.id]
    assert [one.id for one in locked.producer.jobs(owner="a").jobs] == [job.id]
    assert locked.producer.jobs().jobs == ()


def test_an_admin_who_may_read_lists_jobs_and_dead_letters_of_any_owner(locked: Locked, store: RedisJobStore) -> None:
    waiting, dead = (locked.client(owner="a").submit(PNG).id for _ in range(2))
    store.jobs.cancel(waiting)
    store.leases.finish(taken(store, dead), JobState.FAILED, error=STUCK, outputs={}, is_dead=True)
    admin = locked.client(Scope.READ, Scope.ADMIN, owner="staff")
    assert [job.id for job in admin.jobs(owner="a").jobs] == [dead, waiting]
    assert [job.id for job in admin.jobs(owner="a", status=[JobState.CANCELLED]).jobs] == [waiting]
    assert [job.id for job in admin.dead_letters(owner="a")] == [dead]
    assert admin.jobs().jobs == ()
    assert admin.dead_letters() == []
    assert [job.id for job in locked.producer.dead_letters(owner="a")] == [dead]
    assert locked.producer.dead_letters(owner="b") == []


@pytest.mark.parametrize(
    "scopes", [(Scope.READ,), (Scope.READ, Scope.SUBMIT), (Scope.ADMIN,), (Scope.ADMIN, Scope.SUBMIT)]
)
def test_nobody_else_lists_the_jobs_of_another_owner(locked: Locked, scopes: tuple[Scope, ...]) -> None:
    locked.client(owner="a").submit(PNG)
    client = locked.client(*scopes, owner="b")
    for listed in (
        lambda: client.jobs(owner="a"),
        lambda: client.jobs(owner=""),
        lambda: client.dead_letters(owner="a"),
    ):
        with pytest.raises(Forbidden):
            listed()


def test_everybody_who_reads_may_name_the_owner_that_it_is(locked: Locked) -> None:
    with locked.client(owner="a") as client:
        job = client.submit(PNG)
        assert [one.id for one in client.jobs(owner="a").jobs] == [job.id]
        assert client.dead_letters(owner="a") == []


def test_without_keys_the_lists_of_every_owner_are_open_to_this_machine(server: str, producer: Producer) -> None:
    job = producer.of(Tenant(owner="a")).submit(PNG)
    with OcrFleetClient(server) as client:
        assert [one.id for one in client.jobs(owner="a").jobs] == [job.id]


def test_what_can_be_no_owner_is_refused_alike_straight_and_over_http(locked: Locked) -> None:
    admin = locked.client(Scope.READ, Scope.ADMIN)
    for service in (locked.producer, admin):
        for listed in (service.jobs, service.dead_letters):
            with pytest.raises(InvalidRequest, match="at most 64 letters"):
                listed(owner="a:queued")
