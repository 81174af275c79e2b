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
            expires_at=self._ends_at(upload_id),
        )

    def put(self, upload_id: str, stream: BinaryIO) -> None:
        """Keep the document, looked at first. Sending it again replaces it.

        Raises: NotFound, Expired, InvalidRequest, TooLarge, UnsupportedMedia.
        """
        if not _UPLOAD.fullmatch(upload_id):
            raise NotFound(f"{upload_id[:64]!r} is not the id of an upload")
        if self._ends_at(upload_id) <= datetime.now(tz=UTC):
            raise Expired(f"upload {upload_id} has ended; ask for a new one")
        source = inspect_source(stream, filename=None, max_bytes=self.max_bytes)
        self.objects.put(names.upload_key(self.owner, upload_id), stream, media_type=source.media_type)

    def _ends_at(self, upload_id: str) -> datetime:
        return names.made_at(upload_id) + timedelta(seconds=self.ttl_s)
