"""API keys: made, shown, revoked, and recognised when they are sent."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from datetime import UTC, datetime, timedelta

from producer.contract.errors import NotFound, Unauthorized
from producer.contract.keys import ApiKey, CreatedKey, KeyRequest, KeyRow
from producer.contract.ports import Keys

_SHAPE = re.compile(r"ocrf_(?P<id>[0-9a-f]{16})_(?P<secret>[\w\-]{43})", re.ASCII)
_SECRET_BYTES = 32
_NOBODY = hashlib.sha256(b"").hexdigest()  # what a key that does not exist is compared with


class KeyRing:
    """The API keys of the service. Safe to share between threads.

    Every method raises `Unavailable` (retryable) while Redis does not answer.
    """

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    def create(self, wanted: KeyRequest) -> CreatedKey:
        """A new key; its secret is in the answer and nowhere else."""
        now = datetime.now(tz=UTC)
        api_key = ApiKey(
            id=secrets.token_hex(8),
            created_at=now,
            expires_at=now + timedelta(seconds=wanted.ttl_s) if wanted.ttl_s else None,
            **wanted.model_dump(exclude={"ttl_s"}),
        )
        secret = secrets.token_urlsafe(_SECRET_BYTES)
        self._keys.add(KeyRow(api_key=api_key, digest=_digest(secret)))
        return CreatedKey(key=f"ocrf_{api_key.id}_{secret}", api_key=api_key)

    def all(self) -> tuple[ApiKey, ...]:
        """Every key, oldest first; also those that have ended."""
        return tuple(row.api_key for row in self._keys.rows())

    def revoke(self, key_id: str) -> None:
        """From now on the key is refused. Raises: NotFound."""
        if not self._keys.remove(key_id):
            raise NotFound(f"there is no key {key_id[:64]!r}; list them with `ocrfleet keys list`")

    def recognise(self, sent: str) -> ApiKey:
        """The key that was sent, compared in constant time. Raises: Unauthorized."""
        shape = _SHAPE.fullmatch(sent)
        if shape is None:
            raise Unauthorized()
        row = self._keys.find(shape["id"])
        is_right = hmac.compare_digest(row.digest if row else _NOBODY, _digest(shape["secret"]))
        if row is None or not is_right:
            raise Unauthorized()
        if row.api_key.expires_at is not None and row.api_key.expires_at <= datetime.now(tz=UTC):
            raise Unauthorized(f"API key {row.api_key.id} has ended; create one with `ocrfleet keys create`")
        return row.api_key

    def admit(self, key_id: str, *, per_minute: int) -> float:
        """Count one request of the key; 0, or the seconds to wait because there were too many."""
        return self._keys.admit(key_id, per_minute=per_minute)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
