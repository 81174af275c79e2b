"""The receiver's side of webhooks: whether one is genuine, and what it says."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from pydantic import Field, ValidationError
from standardwebhooks import Webhook, WebhookVerificationError

from producer.contract.errors import Unauthorized
from producer.contract.jobs import Job, TerminalEvent
from producer.contract.strict import Strict


class WebhookEvent(Strict):
    """What a webhook tells."""

    type: TerminalEvent
    timestamp: datetime = Field(description="When the job ended")
    data: Job


def verify_webhook(body: bytes | str, headers: Mapping[str, str], *, secret: str) -> WebhookEvent:
    """The event of a webhook that was signed with `secret` within the last five minutes.

    body: the very bytes that came; headers: by name, in any case. Raises: Unauthorized: it is not genuine, or too old.
    """
    named = {name.lower(): value for name, value in headers.items()}
    try:
        return WebhookEvent.model_validate(Webhook(secret).verify(body, named))
    except (WebhookVerificationError, ValidationError) as error:
        raise Unauthorized(f"the webhook is not genuine: {error}; check the secret and the clock") from error
