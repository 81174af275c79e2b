"""The secrets that webhooks are signed with."""

from __future__ import annotations

from standardwebhooks import Webhook
from standardwebhooks.webhooks import EmptyWebhookSecretError

_ADVICE = "write `whsec_` and then Base64, such as `openssl rand -base64 32` prints; several with spaces between"


def signers_of(secret: str) -> list[Webhook]:
    """One for each of the secrets, which have spaces between them. Raises: ValueError, which does not repeat them."""
    try:
        signers = [Webhook(one) for one in secret.split()]
    except (ValueError, EmptyWebhookSecretError) as error:
        raise ValueError(_ADVICE) from error
    if not signers:
        raise ValueError(_ADVICE)
    return signers
