"""A fleet in a day of work, second by second: what waits, what it costs, how often it changes. Pure."""

from __future__ import annotations

import math
import random
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from workers.autoscaler.policy import Limits, Memory, Seen, decide

DAY_S = 86_400


@dataclass(frozen=True, kw_only=True, slots=True)
class Day:
    """The documents of a day: `arrivals[second]` are the pages of each document that comes in that second."""

    arrivals: Sequence[Sequence[int]]
    page_s: float

    @property
    def pages(self) -> int:
        return sum(sum(documents) for documents in self.arrivals)


@dataclass(frozen=True, kw_only=True, slots=True)
class Queue:
    """What a scaler may look at. waiting_jobs: documents that nobody has begun, which is the length of a list."""

    at_s: int
    waiting_pages: int
    waiting_jobs: int
    running_pages: int
    pages_done: int
    workers: int


class Scaler(Protocol):
    """Decides how many workers there should be."""

    def desired(self, queue: Queue) -> int: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What a day came to. Waits: of pages, seconds until they are read. turns: from growing to shrinking and back."""

    wait_p50_s: float
    wait_p95_s: float
    wait_p99_s: float
    worker_hours: float
    busy_share: float
    changes: int
    turns: int
    workers: Sequence[int]  # each minute
    waiting: Sequence[int]


@dataclass(kw_only=True, slots=True)
class PolicyScaler:
    """The policy, as the leader runs it."""

    limits: Limits
    page_s: float
    memory: Memory = field(default_factory=Memory)

    def desired(self, queue: Queue) -> int:
        seen = Seen(
            at_s=queue.at_s,
            waiting_pages=queue.waiting_pages,
            running_pages=queue.running_pages,
            pages_done=queue.pages_done,
            workers=queue.workers,
            page_s=self.page_s,
        )
        decision = decide(seen, self.limits, self.memory)
        self.memory = decision.memory
        return decision.desired_workers


@dataclass(kw_only=True, slots=True)
class ListLengthScaler:
    """A list scaler with an autoscaler's default behind it: a worker for so many waiting jobs, fewer after a pause."""

    jobs_a_worker: int
    limits: Limits
    recent: deque[tuple[int, int]] = field(default_factory=deque)

    def desired(self, queue: Queue) -> int:
        needed = math.ceil(queue.waiting_jobs / self.jobs_a_worker)
        while self.recent and self.recent[0][0] <= queue.at_s - self.limits.cool_down_s:
            self.recent.popleft()
        self.recent.append((queue.at_s, needed))
        highest = max(count for _, count in self.recent)
        return max(self.limits.min_workers, min(self.limits.max_workers, highest))


def bursty_day(*, pages_a_second: float, page_s: float, seed: int) -> Day:
    """Little at night, much by day, a spike of small documents and a batch of long ones now and then."""
    draw = random.Random(seed)
    bursts = {draw.randrange(DAY_S): draw.uniform(100, 400) for _ in range(12)}  # at -> seconds of mean work at once
    arrivals: list[list[int]] = []
    for second in range(DAY_S):
        hour = second / 3600
        by_day = max(0.02, math.sin(math.pi * (hour - 6) / 14)) if 6 <= hour <= 20 else 0.02
        documents = [_pages(draw) for _ in range(_poisson(draw, pages_a_second * by_day / _MEAN_PAGES))]
        if second in bursts:
            left = pages_a_second * bursts[second]
            while left > 0:
                documents.append(draw.choice((1, 1, 4, 120)))
                left -= documents[-1]
        arrivals.append(documents)
    return Day(arrivals=arrivals, page_s=page_s)


def run_day(day: Day, scaler: Scaler, limits: Limits, *, every_s: int) -> Outcome:
    """Pages are read in order by as many workers as are up; the scaler is asked every so many seconds."""
    fleet = _Fleet(limits=limits)
    waits: list[tuple[float, int]] = []  # seconds, pages
    queue: deque[list[float]] = deque()  # a document: when it came, pages left, pages it had
    done = 0.0
    busy_s, hours_s, changes, turns, last_step = 0.0, 0, 0, 0, 0
    workers, waiting = [], []
    for second, documents in enumerate(day.arrivals):
        queue.extend([second, pages, pages] for pages in documents)
        up = fleet.tick(second)
        read = _read(queue, up / day.page_s, second, waits)
        done, busy_s, hours_s = done + read, busy_s + read * day.page_s, hours_s + fleet.paid
        pages = math.ceil(sum(document[1] for document in queue))
        if second % every_s == 0:
            running = min(up, pages)
            seen = Queue(
                at_s=second,
                waiting_pages=pages - running,
                waiting_jobs=sum(document[1] == document[2] for document in queue),
                running_pages=running,
                pages_done=int(done),
                workers=fleet.paid,
            )
            step = fleet.become(scaler.desired(seen), second)
            changes += step != 0
            turns += step * last_step < 0
            last_step = step or last_step
        if second % 60 == 0:
            workers.append(fleet.paid)
            waiting.append(pages)
    return Outcome(
        wait_p50_s=_quantile(waits, 0.5),
        wait_p95_s=_quantile(waits, 0.95),
        wait_p99_s=_quantile(waits, 0.99),
        worker_hours=hours_s / 3600,
        busy_share=busy_s / max(1, hours_s),
        changes=changes,
        turns=turns,
        workers=workers,
        waiting=waiting,
    )


@dataclass(kw_only=True, slots=True)
class _Fleet:
    """Workers that read, and when each of those that start will."""

    limits: Limits
    up: int = 0
    starting: deque[float] = field(default_factory=deque)

    @property
    def paid(self) -> int:
        return self.up + len(self.starting)

    def tick(self, second: int) -> int:
        while self.starting and self.starting[0] <= second:
            self.starting.popleft()
            self.up += 1
        return self.up

    def become(self, desired: int, second: int) -> int:
        """Start or drain; by how many. Those that start last go first."""
        step = desired - self.paid
        for _ in range(step):
            self.starting.append(second + self.limits.cold_start_s)
        for _ in range(-step):
            if self.starting:
                self.starting.pop()
            else:
                self.up -= 1
        return step


_MEAN_PAGES = 3.0


def _pages(draw: random.Random) -> int:
    """Mostly one page, sometimes a few, seldom many; 3 on average."""
    chance = draw.random()
    return 1 if chance < 0.7 else 4 if chance < 0.96 else 31


def _poisson(draw: random.Random, mean: float) -> int:
    if mean > 50:  # its normal approximation
        return max(0, round(draw.gauss(mean, math.sqrt(mean))))
    limit, count, product = math.exp(-mean), 0, draw.random()
    while product > limit:
        count, product = count + 1, product * draw.random()
    return count


def _read(queue: deque[list[float]], pages: float, second: int, waits: list[tuple[float, int]]) -> float:
    """Take so many pages off the queue; how many there were."""
    left = pages
    while queue and left > 1e-9:
        document = queue[0]
        taken = min(left, document[1])
        document[1] -= taken
        left -= taken
        waits.append((second - document[0], max(1, round(taken))))
        if document[1] <= 1e-9:
            queue.popleft()
    return pages - left


def _quantile(waits: Sequence[tuple[float, int]], share: float) -> float:
    """Of pages: each wait counts as often as it has pages."""
    ordered, total = sorted(waits), sum(pages for _, pages in waits)
    seen = 0
    for wait_s, pages in ordered:
        seen += pages
        if seen >= share * total:
            return wait_s
    return 0.0
