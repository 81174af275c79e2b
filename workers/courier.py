"""Which webhooks are delivered next: what is due, many at a time, few of them to one receiver."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from urllib.parse import urlsplit

import structlog

from producer.contract.errors import Unavailable
from producer.contract.ports import Outbox

_LOOK_S = 0.5
_BATCH = 1_000  # deliveries a look: 2 to 3 ms of Redis
_LINE = 500  # deliveries that are known of one receiver: what it can be told between two looks
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Hands:
    """How many attempts a node makes at once: in all, to one receiver, to one that did not answer last, to all such."""

    all: int = 32
    of_one: int = 8
    of_silent: int = 1
    of_all_silent: int = 16


class Courier:
    """Has everything delivered that is due. Any number may run: the outbox gives an attempt to one of them.

    Owned by a thread of an io node's main process; attempts are made in threads of their own. What is due is read from
    the outbox again and again and never kept in messages, so nothing piles up. Receivers take turns, and none has
    more than its share of the hands, nor have all that do not answer: who is slow holds up nobody else. A receiver is a
    scheme, a host and a port.
    """

    def __init__(
        self,
        outbox: Outbox,
        deliver: Callable[[str], bool | None],
        *,
        is_stopping: Callable[[], bool],
        hands: Hands = Hands(),
    ) -> None:
        """deliver: makes the attempt of an event; whether somebody answered. None: it was not due any more."""
        self._outbox = outbox
        self._deliver = deliver
        self._is_stopping = is_stopping
        self._hands = hands
        self._pool = ThreadPoolExecutor(hands.all, thread_name_prefix="courier")
        self._lines: dict[str, deque[str]] = {}  # receiver -> events; the receiver served longest ago first
        self._in_work: dict[Future[bool | None], tuple[str, str]] = {}  # event, receiver
        self._known: set[str] = set()  # events of both
        self._busy: Counter[str] = Counter()  # receiver -> attempts in work
        self._silent: set[str] = set()
        self._after = 0  # where the next look begins
        self._look_at = 0.0

    def step(self) -> int:
        """Deliver until nothing is due, or until told to stop; how many attempts were begun. Raises: Unavailable."""
        begun = 0
        self._look()
        while (self._lines or self._in_work) and not self._is_stopping():
            begun += self._begin()
            done, _ = wait(self._in_work, timeout=_LOOK_S, return_when=FIRST_COMPLETED)
            for future in done:
                self._end(future)
            if time.monotonic() >= self._look_at:
                self._look()
        if not self._in_work:
            self._silent.clear()  # as many as one backlog has, and no more
        return begun

    def close(self) -> None:
        """Wait for the attempts that are being made; each has its own limit."""
        self._pool.shutdown(cancel_futures=True)

    def _look(self) -> None:
        """Line up what is due. Looks follow one another through a backlog, so none of it is hidden by the rest."""
        due = self._outbox.due(limit=_BATCH, after=self._after)
        self._after = self._after + len(due) if len(due) == _BATCH else 0
        self._look_at = time.monotonic() + _LOOK_S
        for one in due:
            receiver = _receiver(one.url)
            if one.id not in self._known and len(self._lines.get(receiver, ())) < _LINE:
                self._lines.setdefault(receiver, deque()).append(one.id)
                self._known.add(one.id)

    def _begin(self) -> int:
        """Begin as many attempts as there are hands for."""
        begun = 0
        while len(self._in_work) < self._hands.all and (receiver := self._next()):
            line = self._lines.pop(receiver)
            event = line.popleft()
            if line:
                self._lines[receiver] = line  # at the end: the others come first
            self._busy[receiver] += 1
            self._in_work[self._pool.submit(self._deliver, event)] = (event, receiver)
            begun += 1
        return begun

    def _next(self) -> str | None:
        """The receiver whose turn it is; None: those that wait have all the attempts they may."""
        at_silent = sum(self._busy[receiver] for receiver in self._silent)
        most_of_silent = self._hands.of_silent if at_silent < self._hands.of_all_silent else 0
        for receiver in self._lines:
            most = most_of_silent if receiver in self._silent else self._hands.of_one
            if self._busy[receiver] < most:
                return receiver
        return None

    def _end(self, future: Future[bool | None]) -> None:
        event, receiver = self._in_work.pop(future)
        self._known.discard(event)
        self._busy[receiver] -= 1
        if not self._busy[receiver]:
            del self._busy[receiver]
        try:
            is_answered = future.result()
        except Unavailable as error:
            # What came of it could not be written down: once its lease is over, it is made again.
            _log.warning("webhook_postponed", event_id=event, reason=error.message)
        except Exception:  # noqa: BLE001 -- one delivery that cannot be made must not hold up the others
            _log.exception("webhook_failed", event_id=event)
        else:
            if is_answered is not None:
                (self._silent.discard if is_answered else self._silent.add)(receiver)


def _receiver(url: str) -> str:
    """Who is asked: `https://host:port` of an address."""
    try:
        parts = urlsplit(url)
    except ValueError:  # no address at all: its attempt says so
        return url
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2].lower()}"
