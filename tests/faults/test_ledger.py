"""The ledger finds every kind of broken promise, each from a single wrong fact, and none in a clean run."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tests.faults.ledger import (
    Breach,
    Expected,
    Facts,
    Found,
    Told,
    count_duplicated,
    count_lost,
    digest,
    violations,
)

JOB = "a" * 32
PAGES = {1: "digest of page 1", 2: "digest of page 2"}
FOUND = Found(state="succeeded", terminal_events=("job.succeeded",), pages=PAGES)
CLEAN = Facts(
    accepted={JOB: Expected(pages=PAGES, told=True)},
    found={JOB: FOUND},
    told=(Told(job_id=JOB, webhook_id="evt_1"), Told(job_id=JOB, webhook_id="evt_1")),
    queued={"ocr:ocr.any": 0},
)


def breaches(facts: Facts) -> list[Breach]:
    return [violation.breach for violation in violations(facts)]


def with_found(**changes: object) -> Facts:
    return replace(CLEAN, found={JOB: replace(FOUND, **changes)})  # type: ignore[arg-type]  # names are checked by it


def test_a_clean_run_breaks_nothing_and_repeated_deliveries_of_one_event_are_fine() -> None:
    assert breaches(CLEAN) == []


@pytest.mark.parametrize(
    ("facts", "breach"),
    [
        (with_found(state="running"), Breach.LOST),
        (with_found(terminal_events=()), Breach.LOST),
        (with_found(terminal_events=("job.succeeded", "job.succeeded")), Breach.ENDED_TWICE),
        (with_found(state="partial"), Breach.WRONG_STATE),
        (with_found(pages={1: PAGES[1]}), Breach.PAGE_MISSING),
        (with_found(pages={**PAGES, 2: "another digest"}), Breach.PAGE_DIFFERS),
        (with_found(pages={**PAGES, 3: "a digest"}), Breach.PAGE_UNKNOWN),
        (replace(CLEAN, told=(*CLEAN.told, Told(job_id=JOB, webhook_id="evt_2"))), Breach.EVENT_IDS_DIFFER),
        (replace(CLEAN, told=()), Breach.NOT_TOLD),
        (replace(CLEAN, found={**CLEAN.found, "b" * 32: FOUND}), Breach.NOT_ACCEPTED),
        (replace(CLEAN, told=(*CLEAN.told, Told(job_id="b" * 32, webhook_id="evt_3"))), Breach.NOT_ACCEPTED),
        (replace(CLEAN, queued={"ocr:ocr.any": 1}), Breach.QUEUE_NOT_EMPTY),
        (replace(CLEAN, unacked=1), Breach.UNACKED_NOT_EMPTY),
        (replace(CLEAN, keys_without_ttl=frozenset({"ocrfleet:job:x"})), Breach.KEY_WITHOUT_TTL),
        (replace(CLEAN, leftovers=frozenset({"spool/1"})), Breach.LEFTOVER),
    ],
)
def test_a_single_wrong_fact_is_found_as_what_it_is(facts: Facts, breach: Breach) -> None:
    assert breaches(facts) == [breach]


def test_a_page_that_may_fail_is_neither_missing_nor_unknown() -> None:
    owed = Expected(states=frozenset({"partial"}), pages={**PAGES, 3: None}, told=True)
    facts = replace(with_found(state="partial"), accepted={JOB: owed})
    assert breaches(facts) == []
    assert breaches(replace(facts, found={JOB: replace(FOUND, state="partial", pages={**PAGES, 3: "error"})})) == []


def test_a_job_without_a_record_is_lost() -> None:
    assert breaches(replace(CLEAN, found={})) == [Breach.LOST]


def test_lost_and_duplicated_are_counted_apart() -> None:
    lost = violations(replace(CLEAN, found={}))
    twice = violations(with_found(terminal_events=("job.succeeded", "job.failed")))
    assert (count_lost(lost), count_duplicated(lost)) == (1, 0)
    assert (count_lost(twice), count_duplicated(twice)) == (0, 1)


def test_a_digest_ignores_times_and_the_jobs_own_id_and_nothing_else() -> None:
    def page(job_id: str, text: str, took_ms: float) -> bytes:
        files = {"json": f"/v1/jobs/{job_id}/files/00001.json"}
        return json.dumps({"page": 1, "texts": [text], "files": files, "timings_ms": {"total": took_ms}}).encode()

    reference = digest(page(JOB, "text", 1.0), JOB)
    assert digest(page("b" * 32, "text", 2.0), "b" * 32) == reference
    assert digest(page(JOB, "another text", 1.0), JOB) != reference
