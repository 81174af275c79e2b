"""What every model of the contract is built on."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, ValidationError, ValidatorFunctionWrapHandler, WrapValidator


class Strict(BaseModel):
    """A frozen model that refuses fields it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def worded(what_is_accepted: str) -> WrapValidator:
    """To stand behind a pattern: who does not keep to it reads this, and not the pattern."""

    def check(value: object, inner: ValidatorFunctionWrapHandler) -> object:
        try:
            return inner(value)
        except ValidationError as error:
            raise ValueError(what_is_accepted) from error

    return WrapValidator(check)
