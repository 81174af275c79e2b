"""Uploads: where a large document is sent before a job is made of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import BinaryIO

import uuid_utils

from producer.contract import names
from producer.contract.errors import Expired, NotFound
from producer.contract.ports import ObjectStore
from producer.contract.sources import UPLOAD_ID, Upload
from producer.source import inspect_source

_UPLOAD = re.compile(UPLOAD_ID)
_CLOCKS = timedelta(minutes=1)  # as far as those of two machines may be apart


@dataclass(frozen=True, kw_only=True, slots=True)
class Uploads:
    """The uploads of one owner. Their ids begin with their time; whose they are is part of their keys."""

    objects: ObjectStore
    owner: str
    ttl_s: int
    max_bytes: int

    def create(self) -> Upload:
        """Where to send a document: an address of the object store, or of this service where the store has none."""
        upload_id = uuid_utils.uuid7().hex
        address = self.objects.presign_put(names.upload_key(self.owner, upload_id), expires_s=self.ttl_s)
        return Upload(
            upload_id=upload_id,
            url=address or f"/v1/uploads/{upload_id}",
            headers={},
            expires_at=datetime.now(tz=UTC) + self._ttl,
        )

    def put(self, upload_id: str, stream: BinaryIO) -> None:
        """Keep the document, looked at first. Sending it again replaces it.

        Raises: NotFound, Expired, InvalidRequest, TooLarge, UnsupportedMedia.
        """
        now, made_at = datetime.now(tz=UTC), names.made_at(upload_id) if _UPLOAD.fullmatch(upload_id) else None
        # What was made in the time to come was not made here, and no sweep would find it.
        if made_at is None or made_at > now + _CLOCKS:
            raise NotFound(f"{upload_id[:64]!r} is not the id of an upload")
        if made_at + self._ttl <= now:
            raise Expired(f"upload {upload_id} has ended; ask for a new one")
        source = inspect_source(stream, filename=None, max_bytes=self.max_bytes)
        self.objects.put(names.upload_key(self.owner, upload_id), stream, media_type=source.media_type)

    @property
    def _ttl(self) -> timedelta:
        return timedelta(seconds=self.ttl_s)
