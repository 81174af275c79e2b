"""The ledger's facts, read where they are kept: job records, events, page objects, webhooks, queues, keys, folders."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from redis import Redis

from producer.backends.celery_queue import KEY_PREFIX
from producer.backends.redis_store import PREFIX
from producer.contract import names
from producer.contract.errors import NotFound
from producer.contract.jobs import Event
from producer.contract.ports import JobStore, ObjectStore
from tests.faults.ledger import TERMINAL, Expected, Facts, Found, Told, Violation, digest, violations
from tests.faults.receiver import Received
from tests.servers.process import POLL_S

UNACKED = f"{KEY_PREFIX}unacked"
WEBHOOKS = f"{PREFIX}webhooks"
# Indexes: their members go with what they point to, so the keys themselves stay.
_LASTING = re.compile(rf"{PREFIX}(due|queues|webhooks|keep|dead|ready:.*)|{KEY_PREFIX}(_kombu\.binding.*|unacked.*)")
_OF_A_POOL = "pymp-*"  # where a living node's pool keeps its sockets; a killed one leaves it empty
_PAGE_NUMBER = re.compile(r"/pages/(\d{5})\.json$")
SETTLED_S = 10.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Collector:
    """Where the facts are. `client` decodes; `folders` must be empty in the end."""

    client: Redis
    store: JobStore
    objects: ObjectStore
    folders: Sequence[Path] = ()

    def facts(self, accepted: Mapping[str, Expected], received: Sequence[Received]) -> Facts:
        return Facts(
            accepted=dict(accepted),
            found={job_id: found for job_id in self.job_ids() if (found := self._found(job_id))},
            told=tuple(told_by(request) for request in received),
            queued=self.queued(),
            unacked=self.unacked(),
            keys_without_ttl=frozenset(self._lasting_keys()),
            leftovers=frozenset(self._leftovers()),
        )

    def is_open(self, job_id: str) -> bool:
        """Whether the job has a record that has not ended."""
        try:
            return not self.store.jobs.get(job_id).job.status.is_terminal
        except NotFound:
            return False

    def job_ids(self) -> list[str]:
        """Every job that has a record."""
        keys = (str(key).removeprefix(f"{PREFIX}job:") for key in self.client.scan_iter(f"{PREFIX}job:*", count=1000))
        return sorted(key for key in keys if names.JOB_ID.fullmatch(key))

    def holders(self, job_id: str) -> list[int]:
        """The processes that hold units of the job."""
        units = (json.loads(str(unit)) for unit in self.client.hvals(f"{PREFIX}job:{job_id}:units"))
        return [int(unit["holder"].rpartition("/")[2]) for unit in units if unit.get("token")]

    def claims(self, job_id: str) -> int:
        """How often a unit of the job was claimed; the last one's token."""
        return int(self.client.hget(f"{PREFIX}job:{job_id}", "tokens") or 0)

    def queued(self) -> dict[str, int]:
        """Messages by queue, of the queues that have some."""
        keys = (f"{KEY_PREFIX}{queue}" for queue in (*names.queues_served_by("cpu"), *names.QUEUES_OF_IO))
        return {key: length for key in keys if (length := int(self.client.llen(key)))}

    def unacked(self) -> int:
        """Messages that a worker took and has not acknowledged."""
        return int(self.client.hlen(UNACKED))

    def events(self, job_id: str) -> list[Event]:
        """All of them, oldest first."""
        found: list[Event] = []
        while batch := self.store.jobs.events(job_id, after=found[-1].id if found else "0"):
            found += batch
        return found

    def is_quiet(self) -> bool:
        """Whether no message and no webhook waits anywhere."""
        return not self.queued() and not self.unacked() and not self.client.zcard(WEBHOOKS)

    def _found(self, job_id: str) -> Found | None:
        try:
            state = self.store.jobs.get(job_id).job.status
        except NotFound:
            return None
        kinds = (event.type.removeprefix("job.") for event in self.events(job_id))
        return Found(
            state=state, terminal_events=tuple(kind for kind in kinds if kind in TERMINAL), pages=self._pages(job_id)
        )

    def _pages(self, job_id: str) -> dict[int, str]:
        """Digests of the stored pages."""
        keys = ((key, _PAGE_NUMBER.search(key)) for key in self.objects.keys(f"{names.job_prefix(job_id)}pages/"))
        return {int(match[1]): digest(self.objects.get(key), job_id) for key, match in keys if match}

    def _leftovers(self) -> Iterator[str]:
        for path in (path for folder in self.folders for path in folder.iterdir()):
            if not path.match(_OF_A_POOL):
                yield str(path)

    def _lasting_keys(self) -> Iterator[str]:
        queues = self.queued()
        for key in map(str, self.client.scan_iter(count=1000)):
            if key not in queues and not _LASTING.fullmatch(key) and self.client.ttl(key) == -1:
                yield key


def told_by(request: Received) -> Told:
    """What a webhook says: about which job, under which id."""
    return Told(job_id=str(json.loads(request.body)["data"]["id"]), webhook_id=request.webhook_id)


def settled(look: Callable[[], Facts]) -> list[Violation]:
    """The ledger's answer as soon as it is even, the last one after SETTLED_S.

    All may look quiet while the message of a lost child goes from one list to another: it then comes once more, finds
    that there is no work, and is gone. What is broken stays so.
    """
    deadline = time.monotonic() + SETTLED_S
    while (found := violations(look())) and time.monotonic() < deadline:
        time.sleep(POLL_S)
    return found
