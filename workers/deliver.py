"""Webhook delivery: one signed attempt, and what its answer means."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx
import structlog

from producer.addresses import InwardAddress
from producer.contract.errors import NotFound
from producer.contract.ports import JobStore
from producer.contract.webhooks import Delivery, DeliveryState, Outcome, event_body, retry_delay_s
from producer.tracing import record_step
from producer.webhook_secret import signers_of
from workers.outside import INWARD, UNREACHABLE, Outside

TIMEOUT_S = 20  # Standard Webhooks: 15 to 30 s
_LEASE_S = 60.0  # longer than an attempt can take
_GONE = 410
_RETRY_AFTER_MAX_S = 86_400.0  # the longest pause of the schedule
_DISABLE_S = 86_400.0  # a receiver that said 410 is left alone for a day, or until somebody redelivers
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Attempt:
    """What one attempt came to; `status` is None when no answer arrived."""

    status: int | None
    error: str = ""
    retry_after_s: float | None = None


class WebhookDelivery:
    """Deliver the webhook of a finished job. Runs in the threads of `courier.py`; safe to share between them.

    Delivered at least once: the id is the same on every attempt, so that a receiver can drop repetitions.
    secret: one, or several with spaces between. Each signs, so that receivers can change from an old one to a new one.
    """

    def __init__(self, store: JobStore, *, secret: str, allow_private_urls: bool) -> None:
        self._jobs = store.jobs
        self._outbox = store.outbox
        self._signers = signers_of(secret)
        self._outside = Outside(allow_private=allow_private_urls, timeout_s=TIMEOUT_S)

    def deliver(self, event_id: str) -> bool | None:
        """Make the attempt that is due, and record its outcome; whether somebody answered. None: there is none to make.

        Raises: Unavailable.
        """
        delivery = self._outbox.claim(event_id, lease_s=_LEASE_S)
        if delivery is None:
            return None
        try:
            # The first attempt's body is kept: a job that is run again must not change what its former end says.
            body = delivery.body or event_body(self._jobs.get(delivery.job_id).job, delivery.type)
        except NotFound:
            gone = Outcome(state=DeliveryState.GIVEN_UP, body="", error="the job record has expired")
            self._outbox.settle(delivery, gone)
            return None
        began_ns = time.time_ns()
        outcome = _outcome(delivery, body, asyncio.run(self._post(delivery, body)))
        self._outbox.settle(delivery, outcome)
        record_step("webhook", delivery.job_id, began_ns=began_ns, attempt=delivery.claim, state=outcome.state)
        _log.info(
            "webhook_attempt",
            job_id=delivery.job_id,
            attempt=delivery.claim,
            status=outcome.status,
            state=outcome.state,
        )
        return outcome.status is not None

    async def _post(self, delivery: Delivery, body: str) -> Attempt:
        now = datetime.now(tz=UTC)
        headers = {
            "content-type": "application/json",
            "webhook-id": delivery.id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": " ".join(signer.sign(delivery.id, now, body) for signer in self._signers),
        }
        try:
            async with asyncio.timeout(TIMEOUT_S), self._outside.client() as client:
                url = httpx.URL(delivery.url)
                request = await self._outside.request("POST", url, headers=headers, content=body.encode())
                answer = await client.send(request, stream=True)
                await answer.aclose()
                waits_s = _seconds(answer.headers.get("Retry-After"), now)
                return Attempt(status=answer.status_code, retry_after_s=waits_s)
        except INWARD:
            return Attempt(status=None, error=str(InwardAddress.__doc__))
        except (TimeoutError, httpx.TimeoutException):
            return Attempt(status=None, error=f"no answer within {TIMEOUT_S:g} s")
        except UNREACHABLE as error:
            return Attempt(status=None, error=f"{type(error).__name__}: {error}")


def _outcome(delivery: Delivery, body: str, attempt: Attempt) -> Outcome:
    """What an attempt means: Standard Webhooks 1.0."""
    delay_s = retry_delay_s(delivery.attempt, jitter=random.random())
    disable_s = 0.0
    if attempt.status is not None and 200 <= attempt.status < 300:  # a redirect is a failure
        state, delay_s = DeliveryState.DELIVERED, 0.0
    elif attempt.status == _GONE:
        state, delay_s, disable_s = DeliveryState.DISABLED, 0.0, _DISABLE_S
    elif delay_s is None:
        state, delay_s = DeliveryState.GIVEN_UP, 0.0
    else:
        state, delay_s = DeliveryState.PENDING, max(delay_s, attempt.retry_after_s or 0.0)
    return Outcome(
        state=state, body=body, status=attempt.status, error=attempt.error, delay_s=delay_s, disable_s=disable_s
    )


def _seconds(retry_after: str | None, now: datetime) -> float | None:
    """A Retry-After header, seconds or a date (RFC 9110, 10.2.3), bounded; None: there is none to be read."""
    if not retry_after:
        return None
    if retry_after.isdecimal():
        return min(float(retry_after), _RETRY_AFTER_MAX_S)
    try:
        at = parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    waits_s = (at.replace(tzinfo=at.tzinfo or UTC) - now).total_seconds()
    return min(max(waits_s, 0.0), _RETRY_AFTER_MAX_S)
