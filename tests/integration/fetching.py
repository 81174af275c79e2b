"""A producer and an io worker's fetcher, for documents that are elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

from producer.backends.memory_objects import MemoryObjectStore
from producer.backends.memory_store import MemoryJobStore
from producer.contract import names
from producer.contract.jobs import Job
from producer.contract.leases import Worker
from producer.contract.ports import ObjectStore
from producer.direct import Producer
from producer.intake import ProducerLimits
from producer.remote import RemoteRules
from tests.integration.doorbell import Bells
from workers.fetching import Fetcher, FetchLimits
from workers.heartbeat import LeaseTimes

MAX_BYTES = 200_000
IO = Worker(queues=(names.QUEUE_FETCH,), holder="io/1", device="io")


class Clock:
    """Seconds since the epoch, moved by hand."""

    def __init__(self) -> None:
        self.now_s = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now_s


@dataclass(frozen=True, kw_only=True, slots=True)
class Fetching:
    """A producer and an io worker's fetcher on stores in memory."""

    clock: Clock
    store: MemoryJobStore
    objects: MemoryObjectStore
    bells: Bells
    other_bucket: MemoryObjectStore
    rules: RemoteRules

    @property
    def producer(self) -> Producer:
        limits = ProducerLimits(
            max_file_bytes=MAX_BYTES,
            max_open_jobs=100,
            job_ttl_s=3600,
            result_ttl_s=3600,
            webhooks_signed=True,
            remote=self.rules,
        )
        return Producer(self.store, self.objects, self.bells, limits)

    def fetch(self, *, timeout_s: float = 5) -> bool:
        def open_bucket(bucket: str) -> ObjectStore:
            assert bucket == "scans"
            return self.other_bucket

        lease = LeaseTimes(lease_s=60, heartbeat_s=60)
        fetcher = Fetcher(
            store=self.store,
            objects=self.objects,
            doorbell=self.bells,
            open_bucket=open_bucket,
            limits=FetchLimits(rules=self.rules, max_bytes=MAX_BYTES, timeout_s=timeout_s, lease=lease),
            holder="io/1",
        )
        return fetcher.work(keep_message=lambda: None)

    def fetch_to_the_end(self, job_id: str, *, timeout_s: float = 5) -> Job:
        """With all its tries, the pauses between them passed over."""
        for _ in range(5):
            if not self.fetch(timeout_s=timeout_s):
                self.clock.now_s += 600
                for due in self.store.upkeep.due(limit=10):
                    self.store.upkeep.revisit(due)
            if (job := self.producer.status(job_id)).status.is_terminal:
                return job
        return job


def fetching_system() -> Fetching:
    """With a bucket that may be named, and private addresses allowed."""
    clock = Clock()
    return Fetching(
        clock=clock,
        store=MemoryJobStore(clock),
        objects=MemoryObjectStore(),
        bells=Bells(),
        other_bucket=MemoryObjectStore(),
        rules=RemoteRules(buckets=frozenset({"scans"}), allow_private_urls=True),
    )
