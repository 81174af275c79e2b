"""Requests from plain fields, and what is wrong with those that cannot be."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from producer.contract.errors import InvalidRequest
from producer.contract.jobs import JobRequest

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_IDEMPOTENCY_KEY = re.compile(r"[\w.:\-]{1,128}", re.ASCII)
_Model = TypeVar("_Model", bound=BaseModel)


def parse_request(fields: dict[str, object]) -> JobRequest:
    """A job request from plain fields. Raises: InvalidRequest with each wrong field in `details`."""
    return parsed(JobRequest, fields)


def parsed(model: type[_Model], fields: Mapping[str, object]) -> _Model:
    """A request of any kind from plain fields. Raises: InvalidRequest with each wrong field in `details`."""
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        raise invalid_request(error, model) from error


def check_idempotency_key(key: str) -> None:
    """Raises: InvalidRequest."""
    if not _IDEMPOTENCY_KEY.fullmatch(key):
        raise InvalidRequest("an idempotency key has 1 to 128 letters, digits, or . : - _")


def invalid_request(error: ValidationError, model: type[BaseModel] = JobRequest) -> InvalidRequest:
    """The validation errors as one InvalidRequest that names the fields. model: what was validated, or its base."""
    wrong: dict[str, object] = {}
    for item in error.errors():
        *holders, name = item["loc"] or ("request",)
        # At its top, what a model adds to its base is not known here.
        is_base = not holders and error.title != model.__name__
        known = () if is_base else _fields_at(model, holders)
        wrong[".".join(map(str, (*holders, name)))] = in_words(item, known)
    return InvalidRequest("; ".join(f"{name}: {what}" for name, what in wrong.items()), details=wrong)


def in_words(item: ErrorDetails, known: Sequence[str] = ()) -> str:
    """What is wrong, and what would be right. known: the fields that there are where it is; none: nobody knows."""
    match item["type"]:
        case "extra_forbidden" if known:
            return f"there is no such field; those that there are: {', '.join(known)}"
        case "extra_forbidden":
            return "there is no such field; check its name"
        case "value_error":  # of our own validators, which say what to do; pydantic would put a word before it
            return str(item["ctx"]["error"])
    return item["msg"]


def _fields_at(model: type[BaseModel], holders: Sequence[int | str]) -> tuple[str, ...]:
    """The names of the fields that the model has behind these; none: there is no model."""
    for name in holders:
        field = model.model_fields.get(str(name))
        kinds = (field.annotation, *get_args(field.annotation)) if field else ()
        inner = next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), None)
        if inner is None:
            return ()
        model = inner
    return tuple(model.model_fields)
