"""Documents spoilt at random: each is refused, read or failed with a code, and who read it lives, and stays small."""

from __future__ import annotations

import json
import os
import re
import secrets
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from producer.contract.jobs import JobState
from tests.acceptance.conftest import processes
from tests.faults.bench import run_alone
from tests.faults.engine import DIR_VARIABLE
from tests.faults.fuzz import LIMITS, Fared, spoilt
from tests.faults.soak import SEED_VARIABLE
from workers.fleet.supervisor import System

SHORT_READ, SHORT_SENT = 120, 30
LONG = 2_000
READER_MIB, SYSTEM_MIB = 512, 700  # a process that has read one small page has about 150
SLOWEST_S = 60.0  # the bombs take a second of processor time; the machine may be busy
SENDERS = 8
ROOT = Path(__file__).parents[2]


def fared(first: int, count: int) -> Fared:
    done = run_alone([sys.executable, "-m", "tests.faults.fuzz", str(first), str(count)])
    assert done.returncode == 0, "\n".join(done.stderr.splitlines()[-15:])
    return Fared(**json.loads(done.stdout))


def test_readers_and_exports_answer_every_spoilt_document_with_a_code() -> None:
    report = fared(0, SHORT_READ)
    assert report.codes.keys() <= {"", "unreadable_document", "unsupported_media", "page_too_large", "too_many_pages"}
    assert report.codes[""] > 0
    assert report.slowest_s < SLOWEST_S, report
    assert report.peak_mib < READER_MIB, report


@dataclass(frozen=True, kw_only=True)
class Target:
    """A running system and what it had at the beginning: its processes."""

    system: System
    folder: Path
    started: frozenset[int]


@contextmanager
def target(folder: Path) -> Iterator[Target]:
    environment = {
        "OCRFLEET_WORKER_ENGINE": "tests.faults.engine:StandInEngine",
        DIR_VARIABLE: str(folder),
        "OCRFLEET_MAX_PAGES": str(LIMITS.max_pages),
        "OCRFLEET_MAX_PAGE_PIXELS": str(LIMITS.max_page_pixels),
        "OCRFLEET_WORKER_MAX_UNITS_PER_CHILD": "1000000",  # whoever is replaced died
        "PYTHONPATH": str(ROOT),
    }
    log = folder / "system.log"
    with System(data_dir=folder / "data", port=0, processes=1, environment=environment, log_file=log) as system:
        first = send(system, b"not a document", 0)
        assert first == "unsupported_media"
        warm = send(system, spoilt_that_is_read(), 0)
        assert warm == JobState.SUCCEEDED
        yield Target(system=system, folder=folder, started=frozenset(processes(folder)))


def spoilt_that_is_read() -> bytes:
    from tests.faults.fuzz import seeds

    return seeds()["text.pdf"]


def send(system: System, data: bytes, number: int) -> str:
    """Submit and wait: the state it ended in, or the code of its refusal. Raises: AssertionError: neither."""
    with httpx.Client(base_url=system.server, timeout=SLOWEST_S * 2) as http:
        request = json.dumps({"outputs": ["json", "image", "text", "hocr", "alto", "pdf"], "priority": "normal"})
        files: dict[str, tuple[str | None, bytes | str, str]] = {
            "file": (f"{number}.bin", data, "application/octet-stream"),
            "request": (None, request, "application/json"),
        }
        answer = http.post("/v1/jobs", files=files)
        assert answer.status_code < 500, answer.text
        if answer.status_code != 202:
            return str(answer.json()["error"]["code"])
        href = answer.json()["links"]["self"]
        job = http.get(href, params={"wait": SLOWEST_S}).json()
        assert JobState(job["status"]).is_terminal, job
        assert job["status"] != "failed" or job["error"]["code"] not in ("internal", "engine_crashed"), job
        return str(job["status"])


def survive(target: Target, first: int, count: int) -> Counter[str]:
    """Send them, several at once; nothing may fail, die or grow."""

    def one(seed: int) -> str:
        document = spoilt(seed)
        try:
            return send(target.system, document.data, seed)
        except (AssertionError, httpx.HTTPError) as error:
            raise AssertionError(f"{document.name}: {error!r}") from error

    with ThreadPoolExecutor(SENDERS) as pool:
        answers = Counter(pool.map(one, range(first, first + count)))
    now = processes(target.folder)
    assert target.started <= now.keys(), "a process died"
    peaks = {command: peak_mib(pid) for pid, command in now.items() if "python" in command}
    assert max(peaks.values()) < SYSTEM_MIB, peaks
    assert send(target.system, spoilt_that_is_read(), first) == JobState.SUCCEEDED
    return answers


def peak_mib(pid: int) -> int:
    """The largest resident size of a process; 0: it ended meanwhile."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    except FileNotFoundError:
        return 0
    found = re.search(r"^VmHWM:\s*(\d+) kB$", status, re.MULTILINE)
    return int(found[1]) >> 10 if found else 0


def test_a_running_system_answers_every_spoilt_document_and_no_process_dies(tmp_path: Path) -> None:
    with target(tmp_path) as running:
        answers = survive(running, 0, SHORT_SENT)
    assert answers.total() == SHORT_SENT
    assert len(answers) > 1


@pytest.mark.soak
@pytest.mark.timeout(3_600)
def test_two_thousand_spoilt_documents_are_survived(tmp_path: Path) -> None:
    """By the readers alone and by a running system; the seed is printed, and one of them repeats a run."""
    first = int(os.environ.get(SEED_VARIABLE, secrets.randbelow(2**31)))
    sys.stdout.write(f"fuzz: {SEED_VARIABLE}={first} repeats these documents\n")
    report = fared(first, LONG)
    sys.stdout.write(f"fuzz: {LONG} read: {report}\n")
    assert report.peak_mib < READER_MIB, report
    with target(tmp_path) as running:
        answers = survive(running, first, LONG)
    sys.stdout.write(f"fuzz: {LONG} sent: {dict(answers)}\n")
    assert answers.total() == LONG
