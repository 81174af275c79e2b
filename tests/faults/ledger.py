"""The set arithmetic after a fault: what was accepted against what became of it. Pure: facts in, violations out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

TERMINAL = frozenset({"succeeded", "partial", "failed", "cancelled", "expired"})
# What differs between two runs of the same page without being wrong.
UNSTEADY_FIELDS = frozenset({"timings_ms"})


class Breach(StrEnum):
    """A way to break the promise."""

    LOST = "lost"  # accepted, and no record of it, or no terminal state
    ENDED_TWICE = "ended_twice"  # more than one terminal event
    WRONG_STATE = "wrong_state"  # ended, but not in a state that this fault allows
    PAGE_MISSING = "page_missing"
    PAGE_DIFFERS = "page_differs"  # not what a run without faults stores
    PAGE_UNKNOWN = "page_unknown"  # an object for a page that the document does not have
    EVENT_IDS_DIFFER = "event_ids_differ"  # one job, several completion event ids
    NOT_TOLD = "not_told"  # a webhook was asked for and none arrived
    NOT_ACCEPTED = "not_accepted"  # an effect of a job that nobody was told was accepted
    QUEUE_NOT_EMPTY = "queue_not_empty"
    UNACKED_NOT_EMPTY = "unacked_not_empty"
    KEY_WITHOUT_TTL = "key_without_ttl"
    LEFTOVER = "leftover"  # a temporary file or folder


@dataclass(frozen=True, kw_only=True, slots=True)
class Violation:
    """One broken promise: which, of what, and how."""

    breach: Breach
    subject: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.breach}: {self.subject}" + (f" ({self.detail})" if self.detail else "")


@dataclass(frozen=True, kw_only=True, slots=True)
class Expected:
    """What an accepted job owes: one of `states`, and its `pages` (from 1) with the digests of a fault-free run.

    A digest of None: the page may fail or be left out. `told`: a webhook was asked for.
    """

    states: frozenset[str] = frozenset({"succeeded"})
    pages: Mapping[int, str | None] = field(default_factory=dict)
    told: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """What is there of one job: the record's state, its terminal events in order, digests of its page objects."""

    state: str
    terminal_events: tuple[str, ...]
    pages: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """One delivery that reached a receiver."""

    job_id: str
    webhook_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """Everything that is left once the faults are healed and the work is drained. `queued`: list key to length."""

    accepted: Mapping[str, Expected]
    found: Mapping[str, Found]
    told: tuple[Told, ...] = ()
    queued: Mapping[str, int] = field(default_factory=dict)
    unacked: int = 0
    keys_without_ttl: frozenset[str] = frozenset()
    leftovers: frozenset[str] = frozenset()


def violations(facts: Facts) -> list[Violation]:
    """Every broken promise; empty when nothing was lost and nothing happened twice."""
    return [
        *(found for job_id, owed in facts.accepted.items() for found in _of_job(job_id, owed, facts)),
        *_of_strangers(facts),
        *_of_the_rest(facts),
    ]


def count_lost(found: list[Violation]) -> int:
    return sum(violation.breach in (Breach.LOST, Breach.PAGE_MISSING, Breach.NOT_TOLD) for violation in found)


def count_duplicated(found: list[Violation]) -> int:
    return sum(violation.breach in (Breach.ENDED_TWICE, Breach.EVENT_IDS_DIFFER) for violation in found)


def digest(page_object: bytes, job_id: str) -> str:
    """SHA-256 of a page's JSON without what may differ between two runs: times, and the job's own id."""
    fields = json.loads(page_object.replace(job_id.encode(), b"JOB"))
    steady = {name: value for name, value in fields.items() if name not in UNSTEADY_FIELDS}
    return hashlib.sha256(json.dumps(steady, sort_keys=True).encode()).hexdigest()


def _of_job(job_id: str, owed: Expected, facts: Facts) -> Iterator[Violation]:
    found = facts.found.get(job_id)
    if found is None:
        yield Violation(breach=Breach.LOST, subject=job_id, detail="no record")
        return
    if found.state not in TERMINAL or not found.terminal_events:
        detail = f"state {found.state}, terminal events {len(found.terminal_events)}"
        yield Violation(breach=Breach.LOST, subject=job_id, detail=detail)
    elif found.state not in owed.states:
        yield Violation(breach=Breach.WRONG_STATE, subject=job_id, detail=found.state)
    if len(found.terminal_events) > 1:
        yield Violation(breach=Breach.ENDED_TWICE, subject=job_id, detail=", ".join(found.terminal_events))
    yield from _of_pages(job_id, owed, found)
    ids = {told.webhook_id for told in facts.told if told.job_id == job_id}
    if len(ids) > 1:
        yield Violation(breach=Breach.EVENT_IDS_DIFFER, subject=job_id, detail=", ".join(sorted(ids)))
    if owed.told and not ids:
        yield Violation(breach=Breach.NOT_TOLD, subject=job_id)


def _of_pages(job_id: str, owed: Expected, found: Found) -> Iterator[Violation]:
    for page, wanted in owed.pages.items():
        if wanted is None:
            continue
        if page not in found.pages:
            yield Violation(breach=Breach.PAGE_MISSING, subject=job_id, detail=f"page {page}")
        elif found.pages[page] != wanted:
            yield Violation(breach=Breach.PAGE_DIFFERS, subject=job_id, detail=f"page {page}")
    for page in found.pages.keys() - owed.pages.keys():
        yield Violation(breach=Breach.PAGE_UNKNOWN, subject=job_id, detail=f"page {page}")


def _of_strangers(facts: Facts) -> Iterator[Violation]:
    """Jobs that exist although no caller heard of them, and deliveries about them.

    A submission whose answer was lost may leave one: list it as accepted once its key has shown its id.
    """
    seen = facts.found.keys() | {told.job_id for told in facts.told}
    for job_id in sorted(seen - facts.accepted.keys()):
        yield Violation(breach=Breach.NOT_ACCEPTED, subject=job_id)


def _of_the_rest(facts: Facts) -> Iterator[Violation]:
    for key, length in facts.queued.items():
        if length:
            yield Violation(breach=Breach.QUEUE_NOT_EMPTY, subject=key, detail=str(length))
    if facts.unacked:
        yield Violation(breach=Breach.UNACKED_NOT_EMPTY, subject="unacked", detail=str(facts.unacked))
    for key in sorted(facts.keys_without_ttl):
        yield Violation(breach=Breach.KEY_WITHOUT_TTL, subject=key)
    for path in sorted(facts.leftovers):
        yield Violation(breach=Breach.LEFTOVER, subject=path)
