"""API keys: made, shown, revoked, and recognised when they are sent."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import structlog
from pydantic import ValidationError

from producer.contract import names
from producer.contract.errors import NotFound, Unauthorized
from producer.contract.keys import ApiKey, CreatedKey, KeyRequest, KeyRow
from producer.contract.ports import Keys, ObjectStore

_SHAPE = re.compile(r"ocrf_(?P<id>[0-9a-f]{16})_(?P<secret>[\w\-]{43})", re.ASCII)
_SECRET_BYTES = 32
_log = structlog.get_logger(__name__)
_NOBODY = hashlib.sha256(b"").hexdigest()  # what a key that does not exist is compared with


class KeyRing:
    """The API keys of the service. Safe to share between threads.

    Redis says which keys there are. Beside the jobs in the object store lies a copy of each, to bring them back after a
    loss of Redis: it is written before the key counts, and deleted before the key is refused.
    Every method raises `Unavailable` (retryable) while Redis, or the store where it is written, does not answer.
    """

    def __init__(self, keys: Keys, objects: ObjectStore) -> None:
        self._keys = keys
        self._objects = objects

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
        row = KeyRow(api_key=api_key, digest=_digest(secret))
        self._objects.put(names.api_key_key(api_key.id), row.model_dump_json().encode(), media_type="application/json")
        self._keys.add(row)
        return CreatedKey(key=f"ocrf_{api_key.id}_{secret}", api_key=api_key)

    def all(self) -> tuple[ApiKey, ...]:
        """Every key, oldest first; also those that have ended."""
        return tuple(row.api_key for row in self._keys.rows())

    def revoke(self, key_id: str) -> None:
        """From now on the key is refused, and nothing brings it back. Safe to repeat. Raises: NotFound."""
        if not names.KEY_ID.fullmatch(key_id):  # not shown: it may be the key itself
            raise NotFound("that is not the id of a key; list them with `ocrfleet keys list`")
        was_stored = self._objects.delete(names.api_key_key(key_id)) > 0
        if not self._keys.remove(key_id) and not was_stored:
            raise NotFound(f"there is no key {key_id!r}; list them with `ocrfleet keys list`")

    def restore(self) -> int:
        """Put back the keys that Redis has lost; how many. Safe to repeat, and while keys are made and revoked."""
        return sum(self._put_back(row) for row in self._stored())

    def _put_back(self, row: KeyRow) -> bool:
        key_id, ends_at = row.api_key.id, row.api_key.expires_at
        is_over = ends_at is not None and ends_at <= datetime.now(tz=UTC)
        if is_over or self._keys.find(key_id) is not None:
            return False
        self._keys.add(row)
        try:
            self._objects.head(names.api_key_key(key_id))
        except NotFound:  # revoked since it was read
            self._keys.remove(key_id)
            return False
        return True

    def _stored(self) -> Iterator[KeyRow]:
        """The copies in the object store; one that cannot be read is left out."""
        for key in self._objects.keys(names.KEYS_PREFIX):
            try:
                yield KeyRow.model_validate_json(self._objects.get(key))
            except NotFound:  # revoked since it was listed
                continue
            except ValidationError as error:
                _log.warning("api_key_unreadable", key=key, reason=str(error))

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
