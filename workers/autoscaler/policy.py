"""How many workers a kind of device should have. Pure: what was seen goes in, what is wanted comes out."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """Of one kind. Times in seconds.

    target_wait_s: how long work may wait. cold_start_s: from asking for a worker until it reads. cool_down_s: how long
    fewer must have been enough before there are fewer. page_s: of a page on one worker, until it is measured.
    """

    min_workers: int = 0
    max_workers: int = 100
    target_wait_s: float = 30.0
    cold_start_s: float = 30.0
    cool_down_s: float = 180.0
    page_s: float = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """The work and the workers of one kind, at `at_s`.

    pages_done: a count that only grows. workers: those that read or wait for work, and those that start.
    page_s: of a page on one worker, as measured; None: nobody has read.
    """

    at_s: float
    waiting_pages: int
    running_pages: int
    pages_done: int
    workers: int
    page_s: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Memory:
    """What the policy keeps from one look to the next.

    arrivals: pages a second, smoothed. wanted: (when, how many were needed) of the last cool-down, each larger than all
    that came later.
    """

    seen: Seen | None = None
    arrivals: float = 0.0
    wanted: tuple[tuple[float, int], ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """How many workers there should be. seconds_of_work: of one worker, for all the pages that wait or are read."""

    desired_workers: int
    seconds_of_work: float
    memory: Memory


_SMOOTHING_S = 60.0  # arrivals of the last minute count most
_BAND = 0.1  # so little fewer is not worth a change
_BUSY_SHARE = 0.85  # of its time that a worker should read: above that queues grow by chance alone


def decide(seen: Seen, limits: Limits, memory: Memory = Memory()) -> Decision:
    """More workers as soon as they are needed; fewer when fewer have been enough for the whole of the cool-down."""
    page_s = seen.page_s or limits.page_s
    arrivals = _arrivals(seen, memory)
    needed = _needed(seen, limits, page_s=page_s, arrivals=arrivals)
    wanted = _window(memory, seen, needed, limits)
    enough = max(count for _, count in wanted)
    if enough and seen.workers * (1 - _BAND) <= enough < seen.workers:
        enough = seen.workers
    desired = max(limits.min_workers, min(limits.max_workers, enough))
    return Decision(
        desired_workers=desired,
        seconds_of_work=(seen.waiting_pages + seen.running_pages) * page_s,
        memory=Memory(seen=seen, arrivals=arrivals, wanted=wanted),
    )


def _arrivals(seen: Seen, memory: Memory) -> float:
    """Pages a second that came: what was done, and what the backlog grew by."""
    before = memory.seen
    if before is None or seen.at_s <= before.at_s:
        return memory.arrivals
    span_s = seen.at_s - before.at_s
    came = _backlog(seen) - _backlog(before) + seen.pages_done - before.pages_done
    share = 1 - math.exp(-span_s / _SMOOTHING_S)
    return memory.arrivals + share * (max(0, came) / span_s - memory.arrivals)


def _backlog(seen: Seen) -> int:
    return seen.waiting_pages + seen.running_pages


def _needed(seen: Seen, limits: Limits, *, page_s: float, arrivals: float) -> int:
    """Enough for what comes, and for what waits to be read in time; none where there is nothing."""
    backlog = _backlog(seen)
    if not backlog:
        return math.ceil(arrivals * page_s) if arrivals * limits.cool_down_s >= 1 else 0
    # The pages of a running document are read one by one: a worker has its work for a page's time only.
    steady = arrivals * page_s / _BUSY_SHARE
    spare = max(0.0, seen.workers - arrivals * page_s)  # of those that are there
    left = seen.waiting_pages - spare * limits.cold_start_s / page_s  # when the first new worker could read
    to_catch_up = max(0.0, left) * page_s / limits.target_wait_s
    # More workers than pages would have nothing to do.
    return max(1, min(math.ceil(steady + to_catch_up), max(backlog, math.ceil(steady))))


def _window(memory: Memory, seen: Seen, needed: int, limits: Limits) -> tuple[tuple[float, int], ...]:
    """The maxima of the cool-down. At the first look the workers that are there count as needed."""
    kept = memory.wanted if memory.seen else ((seen.at_s, seen.workers),)
    recent = [one for one in kept if one[0] > seen.at_s - limits.cool_down_s and one[1] > needed]
    return (*recent, (seen.at_s, needed))
