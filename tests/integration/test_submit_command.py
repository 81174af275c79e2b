"""`ocrfleet submit`: documents that are refused beside others, results, interrupts; a worker of these tests reads."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
import redis
from typer.testing import CliRunner, Result

from producer.backends.local_objects import LocalObjectStore
from producer.backends.redis_store import RedisJobStore
from producer.contract.jobs import JobError, JobState
from producer.contract.leases import Lease
from producer.wire.calls import TRIES
from tests.contract.job_stores import CPU
from tests.integration.serving import PNG, read, taken
from tests.integration.test_waiting import shown
from tests.servers.http import listening
from tests.servers.process import wait_until
from workers.cli import app

Run = Callable[..., Result]
AWAY = json.dumps({"error": {"code": "unavailable", "message": "m", "details": {}}}).encode()


@pytest.fixture
def run(redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("OCRFLEET_REDIS_URL", redis_url)
    monkeypatch.setenv("OCRFLEET_STORE_URL", f"file://{tmp_path}/objects")
    for name, data in (("a.png", PNG), ("empty.png", b""), ("b.png", PNG)):
        (tmp_path / name).write_bytes(data)
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(app, arguments)


@pytest.fixture
def worker(store: RedisJobStore, tmp_path: Path) -> Iterator[None]:
    """Reads what is submitted, until the test is over."""
    is_over = threading.Event()

    def go_on() -> None:
        objects = LocalObjectStore(tmp_path / "objects")
        while not is_over.wait(0.02):
            if (claim := store.leases.claim(CPU, lease_s=60)) is not None:
                read(store, objects, claim.lease)

    thread = threading.Thread(target=go_on)
    thread.start()
    yield
    is_over.set()
    thread.join()


def jobs_of(run: Run) -> list[dict[str, object]]:
    jobs: list[dict[str, object]] = json.loads(run("list", "--json").stdout)["jobs"]
    return jobs


@pytest.mark.usefixtures("worker")
def test_a_document_that_is_refused_does_not_hold_up_the_others(run: Run, tmp_path: Path) -> None:
    done = run("submit", "a.png", "empty.png", "none.png", "b.png", "--wait", "-o", "results")
    assert done.exit_code == 2
    assert "error [invalid_request]: empty.png: the document is empty" in done.stderr
    assert "error [invalid_request]: none.png: cannot be read: No such file" in done.stderr
    lines = done.stdout.splitlines()
    for line, name in zip(lines, ("a.png", "b.png"), strict=True):
        job_id = line.split()[0]
        assert (f"  {name}  " in line, line.endswith(f"  in results/{job_id}")) == (True, True)
        assert (tmp_path / "results" / job_id / "result.json").exists()


@pytest.mark.usefixtures("worker")
def test_of_documents_of_which_one_is_refused_json_is_one_document(run: Run) -> None:
    done = run("submit", "a.png", "empty.png", "--wait", "--json")
    told = json.loads(done.stdout)
    assert (done.exit_code, told["error"]["code"]) == (2, "invalid_request")
    assert [(one["document"], one["code"]) for one in told["errors"]] == [("empty.png", "invalid_request")]
    [job] = told["jobs"]
    assert (job["status"], job["filename"], told["error"]["details"]["jobs"]) == ("succeeded", "a.png", [job["id"]])


def test_when_the_service_refuses_what_was_accepted_is_told_and_the_rest_is_named(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OCRFLEET_MAX_OPEN_JOBS", "1")
    done = run("submit", "a.png", "b.png", "c.png")
    assert (done.exit_code, done.stdout.split()[0]) == (3, jobs_of(run)[0]["id"])
    assert "error [unavailable]: b.png: " in done.stderr
    assert "not submitted: b.png, c.png" in done.stderr


def test_what_has_ended_is_saved_though_others_take_too_long(run: Run, store: RedisJobStore, tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(lambda: read_next(store, LocalObjectStore(tmp_path / "objects")))
        done = run("submit", "a.png", "b.png", "--wait", "--timeout", "3", "--out", "results")
    assert (done.exit_code, "1 of 2 jobs have not ended" in done.stderr) == (5, True)
    assert [folder.name for folder in (tmp_path / "results").iterdir()] == [first.result()]


def test_a_folder_that_cannot_be_made_is_told_before_anything_is_submitted(run: Run) -> None:
    for folder in ("/proc/none", "a.png", "a.png/in"):
        done = run("submit", "b.png", "--wait", "--out", folder)
        assert (done.exit_code, done.stderr.startswith("error [invalid_request]: --out: ")) == (2, True), folder
        assert run("result", "0" * 32, "--out", folder).exit_code == 2
    assert jobs_of(run) == []


def test_a_folder_for_results_needs_somebody_who_waits_for_them(run: Run) -> None:
    done = run("submit", "b.png", "--out", "results")
    assert (done.exit_code, "--out needs --wait" in done.stderr) == (2, True)
    assert jobs_of(run) == []


def test_a_folder_is_no_document(run: Run) -> None:
    (Path.cwd() / "scans").mkdir()
    done = run("submit", "scans")
    assert (done.exit_code, "name the documents in it, such as scans/*.pdf" in done.stderr) == (2, True)


def test_what_the_api_takes_is_taken_by_the_command(run: Run, store: RedisJobStore) -> None:
    job = json.loads(
        run("submit", "a.png", "--metadata", "order=0042", "--metadata", "of=", "--ttl", "60", "--json").stdout
    )
    assert job["metadata"] == {"order": "0042", "of": ""}
    assert store.jobs.get(job["id"]).ttl_s == 60
    assert run("submit", "a.png", "--metadata", "order").exit_code == 2
    assert run("submit", "a.png", "--ttl", "0").exit_code == 2


def test_a_line_names_the_document_its_time_and_its_tag_and_stays_one(run: Run, store: RedisJobStore) -> None:
    long = Path("scan of the contract with the supplier, second and last version 2.png")
    long.write_bytes(PNG)
    job = json.loads(run("submit", str(long), "--tag", "two\nlines", "--json").stdout)
    lease = taken(store, job["id"])
    error = JobError(code="unreadable_document", message="first line\n\x1b[2Jsecond line")
    store.leases.finish(lease, JobState.FAILED, error=error, outputs={}, is_dead=False)
    [line] = run("list").stdout.splitlines()
    made_at = job["created_at"][:16].replace("T", " ")
    assert line.startswith(f"{job['id']}  failed  pages 0/?  {made_at}Z  scan of the contrac")
    assert line.endswith("ersion 2.png  tag two lines  [unreadable_document] first line [2Jsecond line")
    assert run("status", job["id"]).stdout.splitlines() == [line]


@pytest.mark.parametrize("options", [[], ["--json"]], ids=["lines", "json"])
def test_who_interrupts_a_wait_is_told_the_jobs_as_they_are(
    run: Run, store: RedisJobStore, redis_url: str, options: list[str]
) -> None:
    command = [sys.executable, "-m", "workers", "submit", "a.png", "b.png", "--wait", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            ids = {claimed(store).job_id for _ in range(2)}
            begun = reads(redis_url)
            # One may be of the submission; with six both jobs were looked at again.
            wait_until(lambda: reads(redis_url) >= begun + 6, lambda: "nobody waits", timeout_s=30)
        finally:
            process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, "error [interrupted]" in err) == (130, True), err
    if options:
        told = json.loads(out)
        assert (told["error"]["code"], set(told["error"]["details"]["jobs"])) == ("interrupted", ids)
    else:
        assert {line.split()[0] for line in out.splitlines()} == ids
        assert {line.split()[1] for line in out.splitlines()} == {"running"}


def test_who_interrupts_a_wait_for_one_job_does_not_hear_that_it_failed(run: Run, redis_url: str) -> None:
    job_id = json.loads(run("submit", "a.png", "--json").stdout)["id"]
    begun = reads(redis_url)
    command = [sys.executable, "-m", "workers", "wait", job_id]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            wait_until(lambda: reads(redis_url) >= begun + 2, lambda: "nobody waits", timeout_s=30)
        finally:
            process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out, "interrupted" in err) == (130, "", True), err


def reads(redis_url: str) -> int:
    """How many records were read from this server so far."""
    with redis.Redis.from_url(redis_url) as client:
        return int(client.info("commandstats")["cmdstat_hgetall"]["calls"])


def read_next(store: RedisJobStore, objects: LocalObjectStore) -> str:
    """Read the next document, once there is one: its job."""
    lease = claimed(store)
    read(store, objects, lease)
    return lease.job_id


def claimed(store: RedisJobStore) -> Lease:
    """The next unit, once there is one."""
    found: list[Lease] = []

    def take() -> bool:
        claim = store.leases.claim(CPU, lease_s=60)
        found.extend([claim.lease] if claim else [])
        return bool(found)

    wait_until(take, lambda: "nothing was submitted", timeout_s=30)
    return found[0]


class Leaving(BaseHTTPRequestHandler):
    """A service that has read the document at once, and then is away for longer than a client tries by itself."""

    refusals: list[None]

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(200, shown(JobState.SUCCEEDED).model_dump_json().encode())

    def do_GET(self) -> None:
        if self.refusals:
            self.refusals.pop()
            self._answer(503, AWAY)
        elif self.path.endswith("/result"):
            self._answer(200, b'{"pages": []}')
        else:
            self._answer(200, shown(JobState.SUCCEEDED).model_dump_json().encode())

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Retry-After", "0")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def leaving() -> Iterator[str]:
    handler = type("Left", (Leaving,), {"refusals": [None] * (2 * TRIES)})
    with listening(handler) as address:
        yield address


def test_results_that_were_waited_for_are_asked_for_until_the_service_is_back(run: Run, tmp_path: Path) -> None:
    with leaving() as address:
        done = run("submit", "a.png", "--wait", "--out", "results", "--server", address)
    assert done.exit_code == 0, done.stderr
    [folder] = (tmp_path / "results").iterdir()
    assert (folder / "result.json").read_bytes() == b'{"pages": []}'
