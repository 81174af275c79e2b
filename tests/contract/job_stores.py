"""The job stores under one roof, and the steps that tests of them are made of."""

from __future__ import annotations

from dataclasses import dataclass

import uuid_utils

from producer.contract.jobs import JobRequest, SourceInfo
from producer.contract.leases import Claim, Lease, NewJob, Plan, Worker
from producer.contract.names import queues_served_by
from producer.contract.ports import Fleet, Jobs, Keys, Leases, Outbox, Upkeep
from producer.contract.sources import Remote

SOURCE = SourceInfo(filename="page.png", media_type="image/png", sha256="0" * 64, size_bytes=1)
ELSEWHERE = SourceInfo(filename="page.png", media_type="application/octet-stream", sha256="", size_bytes=0)
WEBHOOK = {"url": "https://example.org/hook"}
CPU = Worker(queues=queues_served_by("cpu"), holder="here/1", device="cpu")


@dataclass(frozen=True, kw_only=True, slots=True)
class JobStores:
    """One job store in its roles."""

    jobs: Jobs
    leases: Leases
    upkeep: Upkeep
    outbox: Outbox
    keys: Keys
    fleet: Fleet

    def submit(self, *, owner: str = "", ttl_s: int = 3600, **request: object) -> str:
        return self.jobs.submit(new_job(request, owner=owner, ttl_s=ttl_s)).job_id

    def claim(self, worker: Worker = CPU, *, lease_s: float = 60) -> Claim:
        """The next unit, which there must be."""
        claim = self.leases.claim(worker, lease_s=lease_s)
        assert claim is not None
        return claim

    def start(self, *, pages: int = 1, unit_pages: int = 1, lease_s: float = 60, **request: object) -> Lease:
        """A job that is planned, and the lease of its first unit."""
        job_id = self.jobs.submit(new_job(request)).job_id
        lease = self.claim(lease_s=lease_s).lease
        assert lease.job_id == job_id
        self.leases.plan(lease, Plan(page_count=pages, pages_total=pages, unit_pages=unit_pages))
        return lease


def new_job(
    request: dict[str, object] | None = None,
    *,
    owner: str = "",
    key: str | None = None,
    fingerprint: str = "",
    reuse_key: str = "",
    ttl_s: int = 3600,
    retention_s: int = 3600,
    max_open: int = 1000,
    remote: Remote | None = None,
    batch: str | None = None,
    max_pages: int | None = None,
) -> NewJob:
    return NewJob(
        id=uuid_utils.uuid7().hex,
        request=JobRequest.model_validate(request or {}),
        source=SOURCE if remote is None else ELSEWHERE,
        remote=remote,
        batch=batch,
        ttl_s=ttl_s,
        retention_s=retention_s,
        max_open=max_open,
        max_pages=max_pages,
        owner=owner,
        idempotency_key=key,
        fingerprint=fingerprint,
        reuse_key=reuse_key,
    )
