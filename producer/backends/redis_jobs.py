"""The job store in Redis. The record is the truth: every change of state is one Lua script, times are Redis TIME."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.resources import files
from itertools import chain

import redis
from redis.backoff import ExponentialBackoff
from redis.retry import Retry

from producer.contract.errors import IdempotencyMismatch, NotFound, Unavailable
from producer.contract.jobs import (
    Event,
    Job,
    JobError,
    JobRecord,
    JobRequest,
    JobState,
    Progress,
    SourceInfo,
    links_of,
    utc_from_ms,
)
from producer.contract.leases import ClaimAnswer, DueJob, Lease, LeaseState, NewJob
from producer.contract.webhooks import Delivery

PREFIX = "ocrfleet:"
_TEMPORARY = ("LOADING", "MISCONF", "BUSY", "NOREPLICAS", "MASTERDOWN", "CLUSTERDOWN")
FIRST_LOOK_MS = 10_000  # a job whose message was never published is found after this
_SCRIPTS = (
    *("submit", "claim", "heartbeat", "plan", "page", "finish", "release", "cancel", "revisit"),
    *("webhook_claim", "webhook_done"),
)


class RedisJobStore:
    """Jobs, their pages, events and webhook outbox in one Redis database. Safe to share between threads.

    Every method raises `Unavailable` (retryable) while Redis is down, full, loading or read-only.
    """

    def __init__(self, url: str) -> None:
        # Timeouts bound every call; one quick retry rides over a dropped idle connection. Scripts are safe to repeat.
        self._redis = redis.Redis.from_url(
            url,
            decode_responses=True,
            socket_timeout=10,
            socket_connect_timeout=5,
            health_check_interval=15,
            retry=Retry(ExponentialBackoff(cap=0.5, base=0.05), retries=2),
        )
        prelude = _lua("prelude")
        self._scripts = {name: self._redis.register_script(prelude + _lua(name)) for name in _SCRIPTS}

    def close(self) -> None:
        self._redis.close()

    def ping(self) -> None:
        with _available():
            self._redis.ping()

    # --- the producer's side

    def submit(self, job: NewJob) -> tuple[str, bool]:
        """Create the job, or find the one that this idempotency key made: its id, and whether it is new.

        Safe to repeat with a key. Raises: IdempotencyMismatch.
        """
        request, webhook = job.request, job.request.webhook
        fields: dict[str, str | int] = {
            "request": request.model_dump_json(),
            "source": job.source.model_dump_json(),
            "requested_device": request.device,
            "priority": request.priority,
        }
        if job.idempotency_key:
            fields["idempotency_key"] = job.idempotency_key
        if webhook:
            fields |= {"webhook_url": str(webhook.url), "webhook_events": ",".join(webhook.events)}
        times_ms = [job.ttl_s * 1000, job.retention_s * 1000, FIRST_LOOK_MS]
        argv: list[str | int] = [job.id, job.fingerprint, *times_ms, *chain.from_iterable(fields.items())]
        idem = f"{PREFIX}idempotency:{job.idempotency_key}" if job.idempotency_key else _job_key(job.id)
        outcome, job_id = self._call("submit", job.id, argv, more_keys=[idem])
        if outcome == "mismatch":
            raise IdempotencyMismatch(details={"job_id": job_id})
        return job_id, outcome == "created"

    def get(self, job_id: str) -> JobRecord:
        """Raises: NotFound."""
        with _available():
            row = _texts(self._redis.hgetall(_job_key(job_id)))
        if not row:
            raise NotFound(f"there is no job {job_id}; its record may have passed its retention time")
        return _record(job_id, row)

    def cancel(self, job_id: str) -> None:
        """Stop a waiting job at once, a running one within a heartbeat. Safe to repeat. Raises: NotFound."""
        if self._run("cancel", job_id, [job_id]) == "missing":
            raise NotFound(f"there is no job {job_id}")

    def events(self, job_id: str, *, after: str = "0") -> list[Event]:
        """At most 500 events after the one with id `after`, oldest first."""
        with _available():
            rows = self._redis.xrange(_keys(job_id)[2], min=f"({after}", count=500)
        events = ((str(row_id), _texts(row or {})) for row_id, row in rows or [])
        return [Event(id=row_id, type=row["type"], data=json.loads(row["data"])) for row_id, row in events]

    # --- the worker's side

    def claim(self, job_id: str, *, holder: str, device: str, lease_s: float, max_attempts: int) -> Lease | ClaimAnswer:
        """Take the job, or learn why not."""
        answer = self._call("claim", job_id, [job_id, holder, device, int(lease_s * 1000), max_attempts])
        if answer[0] == ClaimAnswer.CLAIMED:
            return Lease(job_id=job_id, token=answer[1])
        return ClaimAnswer(answer[0])

    def heartbeat(self, lease: Lease, *, lease_s: float) -> LeaseState:
        return self._lease_state("heartbeat", lease.job_id, [lease.job_id, lease.token, int(lease_s * 1000)])

    def plan(self, lease: Lease, *, pages_total: int) -> LeaseState:
        return self._lease_state("plan", lease.job_id, [lease.token, pages_total])

    def pages(self, job_id: str) -> dict[int, JobError | None]:
        """The pages counted so far, by number; the error of a failed one."""
        with _available():
            rows = _texts(self._redis.hgetall(_keys(job_id)[1]))
        return {int(page): JobError.model_validate_json(error) if error else None for page, error in rows.items()}

    def page(self, lease: Lease, page: int, *, error: JobError | None = None) -> LeaseState:
        """Count a page whose objects are stored. Safe to repeat: a page is counted once."""
        return self._lease_state("page", lease.job_id, [lease.token, page, _json_or_empty(error)])

    def finish(
        self, lease: Lease, state: JobState, *, error: JobError | None, outputs: Mapping[str, str]
    ) -> LeaseState:
        """Terminal state, event and webhook outbox row at once. A stale lease changes nothing."""
        argv = [lease.job_id, lease.token, state, _json_or_empty(error), json.dumps(dict(outputs))]
        return self._lease_state("finish", lease.job_id, argv)

    def release(self, lease: Lease, *, delay_s: float) -> LeaseState:
        """Give the job back, to be published again after `delay_s`; this attempt does not count."""
        return self._lease_state("release", lease.job_id, [lease.job_id, lease.token, int(delay_s * 1000)])

    # --- the reconciler's side

    def due(self, *, limit: int) -> list[str]:
        """Open jobs whose next look has come: never published, message lost, or lease run out."""
        return self._due(_keys("")[3], limit)

    def revisit(self, job_id: str, *, interval_s: float) -> DueJob | None:
        """Decide about one due job; the answer, if any, must be published. Safe to run twice at once."""
        answer = self._call("revisit", job_id, [job_id, int(interval_s * 1000)])
        return DueJob(id=job_id, device=answer[1], priority=answer[2]) if answer[0] == "publish" else None

    def due_webhooks(self, *, limit: int, again_s: float) -> list[str]:
        """Jobs with a delivery that is due; each is answered again after `again_s` unless somebody claims it."""
        key = _keys("")[4]
        due = self._due(key, limit)
        if due:
            with _available():
                at_ms = int(self._redis.time()[0] * 1000 + again_s * 1000)
                self._redis.zadd(key, dict.fromkeys(due, at_ms), xx=True)
        return due

    def claim_webhook(self, job_id: str, *, lease_s: float) -> Delivery | None:
        """Take a due delivery for `lease_s`; None if it is done, or another process has it."""
        answer = self._call("webhook_claim", job_id, [job_id, int(lease_s * 1000)])
        if not answer:
            return None
        kind, url, attempt = answer
        return Delivery(id=f"evt_{job_id}", job_id=job_id, type=kind, url=url, attempt=int(attempt))

    def settle_webhook(
        self, delivery: Delivery, *, state: str, delay_s: float = 0, status: int | None, error: str
    ) -> None:
        """Record the outcome of an attempt: `delivered`, `given_up`, or `pending` again after `delay_s`."""
        code = "" if status is None else str(status)
        argv: list[str | int] = [delivery.job_id, state, int(delay_s * 1000), code, error[:500]]
        self._run("webhook_done", delivery.job_id, argv)

    def lead(self, role: str, holder: str, *, lease_s: float) -> bool:
        """Become or stay the leader of `role` for `lease_s`."""
        key = f"{PREFIX}leader:{role}"
        with _available():
            if self._redis.set(key, holder, nx=True, px=int(lease_s * 1000)):
                return True
            if self._redis.get(key) != holder:
                return False
            return bool(self._redis.pexpire(key, int(lease_s * 1000)))

    def _due(self, key: str, limit: int) -> list[str]:
        with _available():
            seconds, micros = self._redis.time()
            members = self._redis.zrangebyscore(key, 0, seconds * 1000 + micros // 1000, start=0, num=limit)
        return [str(member) for member in members]

    def _lease_state(self, name: str, job_id: str, argv: Sequence[str | int]) -> LeaseState:
        return LeaseState(str(self._run(name, job_id, argv)))

    def _call(self, name: str, job_id: str, argv: Sequence[str | int], *, more_keys: Sequence[str] = ()) -> list[str]:
        """Run a script that answers with a list."""
        answer = self._run(name, job_id, argv, more_keys=more_keys)
        return [str(part) for part in answer] if isinstance(answer, Iterable) else []

    def _run(self, name: str, job_id: str, argv: Sequence[str | int], *, more_keys: Sequence[str] = ()) -> object:
        with _available():
            answer: object = self._scripts[name](keys=[*_keys(job_id), *more_keys], args=list(argv))
            return answer


@contextmanager
def _available() -> Iterator[None]:
    """Redis that is down, full, loading, read-only or slow is one thing to a caller: unavailable, try again."""
    try:
        yield
    except (redis.exceptions.ConnectionError, redis.exceptions.TimeoutError) as error:
        raise Unavailable("Redis does not answer; nothing was changed, try again shortly") from error
    except (redis.exceptions.OutOfMemoryError, redis.exceptions.ReadOnlyError) as error:
        raise Unavailable(f"Redis cannot write now: {error}") from error
    except redis.exceptions.ResponseError as error:
        if str(error).startswith(_TEMPORARY):
            raise Unavailable(f"Redis cannot write now: {error}") from error
        raise


def _texts(row: Mapping[bytes | str, bytes | str]) -> dict[str, str]:
    """A Redis hash as text; the client decodes, its types do not say so."""
    return {str(name): str(value) for name, value in row.items()}


def _lua(name: str) -> str:
    return files("producer.backends").joinpath("lua", f"{name}.lua").read_text(encoding="utf-8") + "\n"


def _job_key(job_id: str) -> str:
    return f"{PREFIX}job:{job_id}"


def _keys(job_id: str) -> tuple[str, ...]:
    """The KEYS that prelude.lua names, in its order."""
    job = _job_key(job_id)
    return (job, f"{job}:pages", f"{job}:events", f"{PREFIX}open", f"{PREFIX}webhooks", f"{job}:webhook")


def _json_or_empty(error: JobError | None) -> str:
    return error.model_dump_json() if error else ""


def _record(job_id: str, row: Mapping[str, str]) -> JobRecord:
    request = JobRequest.model_validate_json(row["request"])
    total = row.get("pages_total")
    job = Job(
        id=job_id,
        status=JobState(row["state"]),
        created_at=utc_from_ms(int(row["created_ms"])),
        started_at=utc_from_ms(int(row["started_ms"])) if "started_ms" in row else None,
        finished_at=utc_from_ms(int(row["finished_ms"])) if "finished_ms" in row else None,
        progress=Progress(
            pages_total=int(total) if total else None,
            pages_done=int(row["pages_done"]),
            pages_failed=int(row["pages_failed"]),
        ),
        device=row.get("device"),
        attempts=int(row["attempts"]),
        error=JobError.model_validate_json(row["error"]) if row.get("error") else None,
        outputs=json.loads(row.get("outputs") or "{}"),
        links=links_of(job_id),
        metadata=request.metadata,
        tag=request.tag,
        idempotency_key=row.get("idempotency_key"),
    )
    return JobRecord(job=job, request=request, source=SourceInfo.model_validate_json(row["source"]))
