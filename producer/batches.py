"""Accepting many documents in one request."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace

import structlog
import uuid_utils

from producer.contract import names
from producer.contract.batches import BATCH_MAX
from producer.contract.errors import InvalidRequest, OcrFleetError
from producer.contract.leases import SubmitOutcome, Submitted
from producer.contract.sources import Remote
from producer.intake import Intake, Submission
from producer.remote import RemoteRules, check_remote, remote_of

_PARALLEL = 16  # a manifest in S3 takes some 20 ms, nearly all of it waiting
_KEY_MAX = 100
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Document:
    """A document that came inside the request."""

    data: bytes
    filename: str | None


def accept_batch(intake: Intake, sources: Sequence[Remote | Document], submission: Submission) -> tuple[str, bool]:
    """Make a job of each source; the id of the batch, and whether anything is new.

    All or nothing: when one is refused, those made before it are taken back. With an idempotency key they stay, and the
    same request goes on where it was; each job gets the key with its place, counted from 0. The same key with other
    documents is a mismatch.
    Raises: the errors of `Intake.accept` and `accept_remote`; `details` names the source.
    """
    key = submission.idempotency_key
    sources = _checked(sources, key, intake.limits.remote)
    batch_id = _batch_id(submission, sources)
    made: list[Submitted] = []

    def accept(place: int, source: Remote | Document) -> None:
        own = replace(submission, batch=batch_id, idempotency_key=None if key is None else f"{key}.{place}")
        with _named(place):
            if isinstance(source, Document):
                submitted = intake.accept(io.BytesIO(source.data), own, filename=source.filename)
            else:
                submitted = intake.accept_remote(source, own)
        made.append(submitted)

    pool = ThreadPoolExecutor(_PARALLEL, thread_name_prefix="batch")
    try:
        # The first by itself: it is what an idempotency key that stands for another request is found by.
        accept(0, sources[0])
        for _ in pool.map(accept, range(1, len(sources)), sources[1:]):
            pass
    except OcrFleetError:
        pool.shutdown(cancel_futures=True)
        if key is None:
            _take_back(intake, made)
        raise
    finally:
        pool.shutdown(cancel_futures=True)
    for queue in {submitted.ring for submitted in made}:
        intake.ring(queue)
    return batch_id, any(one.outcome is SubmitOutcome.CREATED for one in made)


def _checked(sources: Sequence[Remote | Document], key: str | None, rules: RemoteRules) -> Sequence[Remote | Document]:
    """The sources, once all is said that can be before a job is made. Raises: InvalidRequest, SourceForbidden."""
    if not 1 <= len(sources) <= BATCH_MAX:
        raise InvalidRequest(f"sources: a batch has 1 to {BATCH_MAX} of them, not {len(sources)}; split it")
    if key is not None and len(key) > _KEY_MAX:
        raise InvalidRequest(f"the idempotency key of a batch has at most {_KEY_MAX} signs")
    return [_source(place, source, rules) for place, source in enumerate(sources)]


def _source(place: int, source: Remote | Document, rules: RemoteRules) -> Remote | Document:
    if isinstance(source, Document):
        return source
    with _named(place):
        remote = remote_of(source)
        check_remote(remote, rules)
    return remote


def _take_back(intake: Intake, made: Sequence[Submitted]) -> None:
    for submitted in made:
        if submitted.outcome is SubmitOutcome.CREATED:
            try:
                intake.jobs.forget(submitted.job_id)
                intake.objects.delete(names.job_prefix(submitted.job_id))
            except OcrFleetError as error:  # what refused the batch is told, and not this
                _log.warning("job_not_taken_back", job_id=submitted.job_id, reason=error.message)


def _batch_id(submission: Submission, sources: Sequence[Remote | Document]) -> str:
    """New each time, or with an idempotency key always the same for the same owner and documents."""
    if submission.idempotency_key is None:
        return uuid_utils.uuid7().hex
    digest = hashlib.sha256(f"{submission.tenant.owner}\n{submission.idempotency_key}".encode())
    for source in sources:
        named = source.data if isinstance(source, Document) else source.model_dump_json().encode()
        digest.update(hashlib.sha256(named).digest())
    return digest.hexdigest()[:32]


@contextmanager
def _named(place: int) -> Iterator[None]:
    """Say of an error which source it is about."""
    try:
        yield
    except OcrFleetError as error:
        error.details["source"] = place
        raise
