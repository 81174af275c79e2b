"""The job record at different depths of the queue: time of a submission and of a claim, memory of a waiting job."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import TypeVar

import redis

from producer.backends.redis_store import RedisJobStore
from tests.contract.job_stores import CPU, new_job

_ROUNDS = 300
_MANY = 10**9
_T = TypeVar("_T")


@dataclass(frozen=True, kw_only=True, slots=True)
class Depth:
    """Figures with `jobs` waiting; bytes are those of Redis for one more waiting job."""

    jobs: int
    submit_p50_ms: float
    submit_p99_ms: float
    claim_p50_ms: float
    claim_p99_ms: float
    bytes_a_job: float

    def as_dict(self) -> dict[str, object]:
        return asdict(self)


def measure_depths(url: str, depths: Sequence[int]) -> list[Depth]:
    """Fill the queue to each depth in turn and measure there. The Redis is left full."""
    store, client = RedisJobStore(url), redis.Redis.from_url(url)
    empty_bytes, found, waiting = _used_bytes(client), [], 0
    for depth in sorted(depths):
        for _ in range(depth - waiting):
            store.jobs.submit(new_job(max_open=_MANY))
        waiting = depth
        bytes_a_job = (_used_bytes(client) - empty_bytes) / depth
        submits, claims = [], []
        for _ in range(_ROUNDS):
            submits.append(_timed(lambda: store.jobs.submit(new_job(max_open=_MANY)))[0])
            took_ms, claim = _timed(lambda: store.leases.claim(CPU, lease_s=60))
            claims.append(took_ms)
            if claim is not None:  # back to the same depth
                store.jobs.forget(claim.lease.job_id)
        found.append(
            Depth(
                jobs=depth,
                submit_p50_ms=_quantile(submits, 0.5),
                submit_p99_ms=_quantile(submits, 0.99),
                claim_p50_ms=_quantile(claims, 0.5),
                claim_p99_ms=_quantile(claims, 0.99),
                bytes_a_job=bytes_a_job,
            )
        )
    store.close()
    client.close()
    return found


def _timed(step: Callable[[], _T]) -> tuple[float, _T]:
    start = time.perf_counter()
    answer = step()
    return (time.perf_counter() - start) * 1000, answer


def _quantile(values: list[float], share: float) -> float:
    return sorted(values)[min(int(len(values) * share), len(values) - 1)]


def _used_bytes(client: redis.Redis) -> int:
    return int(client.info("memory")["used_memory"])
