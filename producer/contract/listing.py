"""Listing jobs: which ones, and one page of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from producer.contract.errors import InvalidRequest
from producer.contract.jobs import JobRecord, JobState

PAGE_MAX = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class JobFilter:
    """Jobs of one owner, in one of `states` (none: any), with `tag` or of `batch` (None: any; not both)."""

    owner: str = ""
    states: tuple[JobState, ...] = ()
    tag: str | None = None
    batch: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class JobsPage:
    """Jobs newest first. `cursor`: where the next page begins; None: there is none."""

    records: tuple[JobRecord, ...]
    cursor: str | None


def parse_states(names: Sequence[JobState | str]) -> tuple[JobState, ...]:
    """The states of these names, or of one name, once each. Raises: InvalidRequest."""
    names = (names,) if isinstance(names, str) else names
    try:
        return tuple(dict.fromkeys(JobState(name) for name in names))
    except ValueError as error:
        raise InvalidRequest(f"status: {error}; choose from {', '.join(JobState)}") from error
