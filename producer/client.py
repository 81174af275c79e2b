"""The HTTP client: the Producer's verbs against a server's API."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from json import JSONDecodeError
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import httpx

from producer.contract import errors
from producer.contract.fleet import FleetView
from producer.contract.jobs import DeadLetter, Job, JobList, JobRequest, JobState
from producer.contract.keys import CreatedKey, KeyList, KeyRequest
from producer.contract.webhooks import DeliveryRecord
from producer.requests import parse_request
from producer.source import opened_source

# One part of a multipart body: file name, content, media type.
_Part = tuple[str | None, BinaryIO | str, str]
_POLL_S = 20.0  # one long poll; below the idle timeouts of common proxies
_BY_CODE: Mapping[str, type[errors.OcrFleetError]] = {
    kind.code: kind
    for kind in (
        errors.InvalidRequest,
        errors.TooLarge,
        errors.UnsupportedMedia,
        errors.IdempotencyMismatch,
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


class OcrFleetClient:
    """Submit and follow jobs over HTTP. Safe to share between threads.

    Every method raises the errors of `Producer`, and `Unavailable` when the server cannot be reached.
    """

    def __init__(self, server: str, *, api_key: str | None = None, timeout_s: float = 30) -> None:
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._http = httpx.Client(base_url=server, headers=headers, timeout=timeout_s + _POLL_S, follow_redirects=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def submit(
        self,
        source: str | Path | bytes | BinaryIO,
        request: JobRequest | None = None,
        *,
        filename: str | None = None,
        idempotency_key: str | None = None,
        **fields: object,
    ) -> Job:
        """Send one document: a path, its bytes, or a seekable stream. `request`, or its fields by name."""
        body = (request or parse_request(fields)).model_dump_json(exclude_defaults=True)
        if isinstance(source, str | Path):
            filename = filename or Path(source).name
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        with opened_source(source) as stream:
            files: dict[str, _Part] = {
                "file": (filename or "document", stream, "application/octet-stream"),
                "request": (None, body, "application/json"),
            }
            return Job.model_validate_json(self._send("POST", "/v1/jobs", files=files, headers=headers).content)

    def status(self, job_id: str) -> Job:
        return Job.model_validate_json(self._send("GET", f"/v1/jobs/{job_id}").content)

    def wait(self, job_id: str, *, timeout_s: float = 3600) -> Job:
        """The job once it is terminal. Raises: WaitTimeout."""
        deadline = time.monotonic() + timeout_s
        while True:
            poll_s = max(0.0, min(_POLL_S, deadline - time.monotonic()))
            answer = self._send("GET", f"/v1/jobs/{job_id}", params={"wait": poll_s})
            job = Job.model_validate_json(answer.content)
            if job.status.is_terminal:
                return job
            if time.monotonic() >= deadline:
                raise errors.WaitTimeout(f"job {job_id} is {job.status} after {timeout_s:g} s; it goes on, wait again")

    def jobs(
        self,
        *,
        status: Sequence[JobState | str] = (),
        tag: str | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> JobList:
        """Jobs that are kept, newest first; a page may be shorter than `limit`: go on until `next_cursor` is None."""
        wanted: dict[str, float | str | Sequence[str]] = {"status": tuple(status), "limit": limit}
        wanted |= {name: value for name, value in (("tag", tag), ("cursor", cursor)) if value is not None}
        return JobList.model_validate_json(self._send("GET", "/v1/jobs", params=wanted).content)

    def cancel(self, job_id: str) -> Job:
        return Job.model_validate_json(self._send("POST", f"/v1/jobs/{job_id}/cancel").content)

    def retry(self, job_id: str) -> Job:
        """Run an ended job again: the pages that failed, or the whole."""
        return Job.model_validate_json(self._send("POST", f"/v1/jobs/{job_id}/retry").content)

    def delete(self, job_id: str) -> None:
        """Delete the job with everything that was stored for it."""
        self._send("DELETE", f"/v1/jobs/{job_id}")

    def dead_letters(self, *, limit: int = 100) -> list[Job]:
        """Jobs that gave up on something that may be tried again, newest first."""
        found = self._send("GET", "/v1/dead-letters", params={"limit": limit}).json()["dead_letters"]
        return [Job.model_validate(job) for job in found]

    def dead_letter(self, job_id: str) -> DeadLetter:
        """One job with the error of each of its failed pages."""
        return DeadLetter.model_validate_json(self._send("GET", f"/v1/dead-letters/{job_id}").content)

    def create_key(self, wanted: KeyRequest) -> CreatedKey:
        """A new API key; its secret is in the answer and nowhere else."""
        answer = self._send("POST", "/v1/keys", json=wanted.model_dump(mode="json", exclude_defaults=True))
        return CreatedKey.model_validate_json(answer.content)

    def list_keys(self) -> KeyList:
        """Every API key, oldest first."""
        return KeyList.model_validate_json(self._send("GET", "/v1/keys").content)

    def revoke_key(self, key_id: str) -> None:
        """From now on the API key is refused."""
        self._send("DELETE", f"/v1/keys/{key_id}")

    def deliveries(self, job_id: str) -> list[DeliveryRecord]:
        """The webhook deliveries of a job, oldest first."""
        found = self._send("GET", "/v1/webhook-deliveries", params={"job_id": job_id}).json()["deliveries"]
        return [DeliveryRecord.model_validate(delivery) for delivery in found]

    def redeliver(self, event_id: str) -> DeliveryRecord:
        """Deliver a webhook again, now."""
        answer = self._send("POST", f"/v1/webhook-deliveries/{event_id}/redeliver")
        return DeliveryRecord.model_validate_json(answer.content)

    def fleet(self) -> FleetView:
        """The workers, the work that waits for them, and what they got done in the last hour."""
        return FleetView.model_validate_json(self._send("GET", "/v1/fleet").content)

    def result(self, job_id: str) -> bytes:
        """The document result as JSON."""
        return self._send("GET", f"/v1/jobs/{job_id}/result").content

    def page(self, job_id: str, page: int) -> bytes:
        """One page's JSON; pages count from 1."""
        return self._send("GET", f"/v1/jobs/{job_id}/pages/{page}").content

    def download(self, job_id: str, name: str, target: Path) -> None:
        """Write a result file to `target`, following one redirect to the object store."""
        answer = self._send("GET", f"/v1/jobs/{job_id}/files/{name}")
        if answer.is_redirect:
            # The presigned address carries its own right to read; our key is not sent to the store.
            answer = httpx.get(answer.headers["Location"], timeout=self._http.timeout)
            _raise_for_error(answer)
        target.write_bytes(answer.content)

    def _send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, float | str | Sequence[str]] | None = None,
        files: Mapping[str, _Part] | None = None,
        json: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        try:
            answer = self._http.request(method, path, params=params, files=files, json=json, headers=headers)
        except httpx.TransportError as error:
            raise errors.Unavailable(f"{self._http.base_url} cannot be reached: {error}") from error
        _raise_for_error(answer)
        return answer


def _raise_for_error(answer: httpx.Response) -> None:
    """The error of the answer, as the class that Producer would have raised."""
    if not answer.is_error:
        return
    try:
        body = answer.json()["error"]
        code, message, details = body["code"], body["message"], body["details"]
    except (JSONDecodeError, KeyError, TypeError):
        raise errors.Unavailable(f"the server answered HTTP {answer.status_code} without an error body") from None
    if code in _BY_CODE:
        raise _BY_CODE[code](message, details=details)
    raise errors.JobFailed(code, message)
