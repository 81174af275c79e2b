"""API keys: whose jobs a key is for, what it may do, and how much of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints, TypeAdapter, ValidationError

from producer.contract.errors import InvalidRequest
from producer.contract.jobs import DAY_S
from producer.contract.strict import Strict, worded

Owner = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9_.\-]{0,64}$"),
    worded("an owner has at most 64 letters, digits, or . - _"),
]

_PRINTABLE = re.compile(r"[ -~]+")


def plain_key(text: str) -> str:
    """A key as it was copied or read from a file, without the white space around it.

    Raises: ValueError, which does not show it: no header can carry it.
    """
    key = text.strip()
    if not _PRINTABLE.fullmatch(key):
        raise ValueError("a key is one line of ASCII letters, digits and signs; write it as it was made")
    return key


_OWNER: TypeAdapter[str] = TypeAdapter(Owner)


def parse_owner(name: str) -> str:
    """The name if it can be that of an owner. Raises: InvalidRequest."""
    try:
        return _OWNER.validate_python(name)
    except ValidationError as error:
        raise InvalidRequest("owner: an owner has at most 64 letters, digits, or . - _") from error


class Scope(StrEnum):
    """What a key may do with the jobs of its owner."""

    SUBMIT = "submit"  # submit, cancel, retry, delete
    READ = "read"  # follow jobs and fetch results
    ADMIN = "admin"  # manage the keys of every owner, and with `read` list their jobs; alone it reaches no job


class KeyRequest(Strict):
    """A key to be made."""

    name: str = Field("", max_length=100, description="What it is for; shown in lists")
    owner: Owner = Field("", description="Whose jobs it makes and sees; owners never see each other's")
    scopes: tuple[Scope, ...] = Field((Scope.SUBMIT, Scope.READ), min_length=1, description="What it may do")
    ttl_s: int | None = Field(None, ge=1, le=3650 * DAY_S, description="Seconds until it ends; null: it does not")
    requests_per_minute: int | None = Field(None, ge=1, le=10_000_000, description="null: as the service is set")
    pages_in_flight: int | None = Field(
        None, ge=1, le=1_000_000_000, description="Pages of unfinished jobs of the owner; null: as the service is set"
    )


class ApiKey(Strict):
    """A key as lists show it; the secret is nowhere."""

    id: str = Field(description="Names the key; part of it, and no secret")
    name: str = Field("", description="What it is for")
    owner: Owner = Field("", description="Whose jobs it makes and sees")
    scopes: tuple[Scope, ...] = Field(description="What it may do")
    created_at: datetime = Field(description="When it was made")
    expires_at: datetime | None = Field(None, description="When it ends; null: it does not")
    requests_per_minute: int | None = Field(None, description="null: as the service is set")
    pages_in_flight: int | None = Field(None, description="null: as the service is set")


class CreatedKey(Strict):
    """A new key, with its secret for the only time."""

    key: str = Field(description="Send it as `Authorization: Bearer KEY`; it is shown once and kept nowhere")
    api_key: ApiKey = Field(description="The key as lists show it")


class KeyList(Strict):
    """Every key, oldest first."""

    keys: tuple[ApiKey, ...] = Field(description="Without their secrets")


class KeyRow(Strict):
    """A key as the store keeps it. digest: SHA-256 of the secret; of 256 bits of chance no slow hash is needed."""

    api_key: ApiKey
    digest: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Tenant:
    """For whom a job is made: its owner, and how many pages of unfinished jobs it may have (None: no bound).

    is_admin: may also list the jobs of other owners.
    """

    owner: str = ""
    pages_in_flight: int | None = None
    is_admin: bool = False
