"""One exchange with the service: a call, its answer, and another try where that is safe. No I/O happens here."""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from io import RawIOBase
from typing import BinaryIO, TypeAlias, TypeVar

from pydantic import BaseModel, ValidationError

from producer.contract import errors
from producer.patience import RETRY_AFTER_MAX_S

TRIES = 3
POLL_S = 20.0  # one long poll, or a stream in which nothing comes; below the idle timeouts of common proxies
_FIRST_PAUSE_S = 0.2
_T = TypeVar("_T")
_Model = TypeVar("_Model", bound=BaseModel)
# What documents are read from.
Stream: TypeAlias = BinaryIO | RawIOBase
# One part of a multipart body: file name, content, media type.
Part: TypeAlias = tuple[str | None, Stream | str, str]
Param: TypeAlias = str | float | list[str]
_BY_CODE: Mapping[str, type[errors.OcrFleetError]] = {
    kind.code: kind
    for kind in (
        errors.InvalidRequest,
        errors.TooLarge,
        errors.UnsupportedMedia,
        errors.IdempotencyMismatch,
        errors.SourceForbidden,
        errors.SourceUnreachable,
        errors.NotFound,
        errors.NotFinished,
        errors.Expired,
        errors.Unauthorized,
        errors.Forbidden,
        errors.RateLimited,
        errors.NotServed,
        errors.Unavailable,
    )
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """A request to be made. url: a path of the service, or an address of the object store, which gets no key of ours.

    target: where the body of a good answer goes; None: into the answer. is_safe: doing it twice is doing it once.
    leads_on: a good answer may say in its `location` where what is asked for lies. holds_s: how much longer than others
    the service may take, by what it is asked. within_s: after this time nobody waits for the answer any more; None:
    there is no such time.
    """

    method: str
    url: str
    params: Mapping[str, Param] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    json: object = None
    files: Mapping[str, Part] | None = None
    content: Stream | None = None
    target: BinaryIO | None = None
    is_safe: bool = True
    leads_on: bool = False
    holds_s: float = 0.0
    within_s: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Pause:
    """A time to let pass."""

    seconds: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What came back; `status` is 0 and `content` the reason when nothing did."""

    status: int
    content: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


# What a verb does: calls and pauses in order, and what it makes of the answers. A pause is answered with None.
Steps: TypeAlias = Generator[Call | Pause, Answer | None, _T]


def send(call: Call, *, tries: int = TRIES) -> Steps[Answer]:
    """Make the call, again where the service asks for it or did not answer and it is safe.

    Raises: the errors of `Producer`; Unavailable: no answer, or none that is ours.
    """
    pause_s = _FIRST_PAUSE_S
    for tries_left in reversed(range(tries)):
        answer = yield call
        if answer is None:
            raise TypeError("a call was answered like a pause")
        error = error_of(answer, call)
        if error is None:
            return answer
        if not (error.retryable and tries_left and (call.is_safe or answer.status)):
            raise error
        _rewind(call)
        yield Pause(seconds=min(pause_s if error.retry_after_s is None else error.retry_after_s, RETRY_AFTER_MAX_S))
        pause_s *= 2
    raise errors.Unavailable()


def error_of(answer: Answer, call: Call) -> errors.OcrFleetError | None:
    """The error of an answer, as the class that `Producer` would have raised; None: it is good."""
    if answer.status == 0:
        return not_reached(answer)
    where = answer.headers.get("location")
    if answer.status < 300 or (answer.status < 400 and call.leads_on and where):
        return None
    if answer.status < 400:
        return errors.Unavailable(f"the address leads on to {where or 'nowhere'}; give the one that answers")
    asked_s = _retry_after_s(answer)
    try:
        body = json.loads(answer.content)["error"]
        code, message, details = body["code"], body["message"], body["details"]
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError):
        who = "the service" if call.url.startswith("/") else "the object store"
        told = f"{who} answered HTTP {answer.status} without an error body"
        return errors.Unavailable(told, retry_after_s=asked_s)
    if code in _BY_CODE:
        return _BY_CODE[code](message, details=details, retry_after_s=asked_s)
    return errors.JobFailed(code, message)


def not_reached(answer: Answer) -> errors.Unavailable:
    """The error of one that did not come."""
    return errors.Unavailable(f"the service cannot be reached: {answer.content.decode()}")


def parsed(kind: type[_Model], content: bytes) -> _Model:
    """The body of a good answer. Raises: Unavailable: it is not ours, but of something that stands before us."""
    try:
        return kind.model_validate_json(content)
    except ValidationError as error:
        raise errors.Unavailable("the answer is not that of this service; check its address") from error


def _rewind(call: Call) -> None:
    streams = [call.content, call.target, *(part[1] for part in (call.files or {}).values())]
    for stream in streams:
        if stream is not None and not isinstance(stream, str):
            stream.seek(0)
    if call.target is not None:
        call.target.truncate()


def _retry_after_s(answer: Answer) -> float | None:
    asked = answer.headers.get("retry-after", "")
    return float(asked) if asked.isdecimal() else None
