"""Routes of API keys; they need a key with the scope `admin`."""

from __future__ import annotations

from fastapi import APIRouter

from producer.api.connected import Operator
from producer.api.parameters import KeyId
from producer.api.schemas import ERRORS, refusals
from producer.contract.errors import NotFound, TooLarge
from producer.contract.keys import CreatedKey, KeyList, KeyRequest

router = APIRouter(prefix="/v1/keys", tags=["keys"], responses={**ERRORS})


@router.post("", status_code=201, response_model=CreatedKey, responses=refusals(TooLarge))
def create(wanted: KeyRequest, producer: Operator) -> CreatedKey:
    """Make a key. The answer shows it for the only time."""
    return producer.create_key(wanted)


@router.get("", response_model=KeyList)
def keys(producer: Operator) -> KeyList:
    """Every key of every owner, oldest first, without its secret."""
    return producer.list_keys()


@router.delete("/{key_id}", status_code=204, responses=refusals(NotFound))
def revoke(key_id: KeyId, producer: Operator) -> None:
    """From now on the key is refused, everywhere."""
    producer.revoke_key(key_id)
