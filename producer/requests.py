"""Requests from plain fields, and what is wrong with those that cannot be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from producer.contract.errors import InvalidRequest
from producer.contract.jobs import JobRequest

_Model = TypeVar("_Model", bound=BaseModel)


def parse_request(fields: dict[str, object]) -> JobRequest:
    """A job request from plain fields. Raises: InvalidRequest with each wrong field in `details`."""
    return parsed(JobRequest, fields)


def parsed(model: type[_Model], fields: Mapping[str, object]) -> _Model:
    """A request of any kind from plain fields. Raises: InvalidRequest with each wrong field in `details`."""
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        raise invalid_request(error) from error


def invalid_request(error: ValidationError) -> InvalidRequest:
    """The validation errors as one InvalidRequest that names the fields."""
    wrong = {".".join(str(part) for part in item["loc"]) or "request": item["msg"] for item in error.errors()}
    return InvalidRequest("; ".join(f"{name}: {what}" for name, what in wrong.items()), details=dict(wrong))
