"""Webhook deliveries, in Redis."""

from __future__ import annotations

import json
from collections.abc import Mapping

from producer.backends.redis_store.connection import PREFIX, Connection, available, job_key, pairs
from producer.contract.errors import InvalidRequest, NotFound
from producer.contract.jobs import utc_from_ms
from producer.contract.measures import WebhookBacklog
from producer.contract.webhooks import (
    AttemptRecord,
    Delivery,
    DeliveryRecord,
    DeliveryState,
    DueDelivery,
    Outcome,
    event_id,
)

_ERROR_MAX_CHARS = 500


class RedisOutbox:
    """`Outbox` in Redis."""

    def __init__(self, connection: Connection) -> None:
        self._redis = connection

    def due(self, *, limit: int, after: int = 0) -> list[DueDelivery]:
        found = pairs(self._redis.run_list("webhook_due", limit, after))
        return [DueDelivery(id=event, url=url) for event, url in found.items()]

    def claim(self, event_id: str, *, lease_s: float) -> Delivery | None:
        answer = self._redis.run_list("webhook_claim", event_id, int(lease_s * 1000))
        if not answer:
            return None
        job_id, kind, url, attempt, claim, body = answer
        return Delivery(
            id=event_id, job_id=job_id, type=kind, url=url, attempt=int(attempt), claim=int(claim), body=body
        )

    def settle(self, delivery: Delivery, outcome: Outcome) -> None:
        self._redis.run(
            "webhook_settle",
            *(delivery.id, outcome.state, int(outcome.delay_s * 1000)),
            "" if outcome.status is None else str(outcome.status),
            *(outcome.error[:_ERROR_MAX_CHARS], outcome.body, int(outcome.disable_s * 1000), delivery.claim),
        )

    def backlog(self) -> WebhookBacklog:
        key = f"{PREFIX}webhooks"
        with available():
            seconds, micros = self._redis.client.time()
            first = self._redis.client.zrange(key, 0, 0, withscores=True)
            pending = int(self._redis.client.zcard(key))
        due_s = float(first[0][1]) / 1000 if first else seconds
        return WebhookBacklog(pending=pending, overdue_s=max(0.0, seconds + micros / 1e6 - due_s) if first else 0.0)

    def redeliver(self, event_id: str) -> None:
        answer = self._redis.run("webhook_redeliver", event_id)
        if answer == "missing":
            raise NotFound(f"there is no delivery {event_id}; it may have passed its retention time")
        if answer == "superseded":
            raise InvalidRequest(f"delivery {event_id} was never made: the job was run again; its next end is told")

    def deliveries(self, job_id: str) -> list[DeliveryRecord]:
        with available():
            runs = int(self._redis.client.hget(job_key(job_id), "run") or 0)
        ids = [event_id(job_id, run) for run in range(runs + 1)]
        rows = ((one, self._redis.hash(f"{PREFIX}webhook:{one}")) for one in ids)
        return [_record(one, row) for one, row in rows if row]


def _record(event: str, row: Mapping[str, str]) -> DeliveryRecord:
    state = DeliveryState(row["state"])
    waits = state is DeliveryState.PENDING
    log = [
        AttemptRecord(
            number=one.get("number", place),  # before 2026-11-29 attempts were written down without one
            at=utc_from_ms(int(one["at_ms"])),
            status=one.get("status"),
            error=one["error"],
        )
        for place, one in enumerate(json.loads(row.get("log") or "[]"), start=1)
    ]
    return DeliveryRecord(
        id=event,
        job_id=row["job_id"],
        type=row["type"],
        url=row["url"],
        state=state,
        attempts=int(row.get("claims", 0)),
        created_at=utc_from_ms(int(row["created_ms"])),
        next_attempt_at=utc_from_ms(int(row["claimed_until_ms"])) if waits and row["claimed_until_ms"] != "0" else None,
        log=tuple(log),
    )
