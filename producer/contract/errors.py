"""Every error that a caller of OCRFleet can meet, each with the code that API, CLI and Python share.

OcrFleetError
├── RequestError                 the request cannot be accepted
│   ├── InvalidRequest           invalid_request      422
│   ├── TooLarge                 too_large            413
│   ├── UnsupportedMedia         unsupported_media    415
│   ├── IdempotencyMismatch      idempotency_mismatch 409
│   ├── SourceForbidden          source_forbidden     422
│   └── SourceUnreachable        source_unreachable   422  retryable
├── LookupFailed                 the thing asked for is not there
│   ├── NotFound                 not_found            404
│   ├── NotFinished              not_finished         409
│   └── Expired                  expired              410
├── AccessRefused                who asks may not
│   ├── Unauthorized             unauthorized         401
│   └── Forbidden                forbidden            403
├── RateLimited                  rate_limited         429  retryable
├── Unavailable                  unavailable          503  retryable
│   ├── Refused                  unavailable          503  retryable
│   ├── QueueFull                unavailable          503  retryable
│   └── NotServed                not_served           503  retryable
├── WaitTimeout                  wait_timeout         504  retryable
└── JobFailed                    the code of the job's own error
"""

from __future__ import annotations

from typing import ClassVar


class OcrFleetError(Exception):
    """OCRFleet could not do what was asked.

    retry_after_s: after which time the service wants to be asked again; None: it did not say.
    """

    code: str = "internal"
    http_status: ClassVar[int] = 500
    retryable: ClassVar[bool] = False

    def __init__(
        self,
        message: str | None = None,
        *,
        details: dict[str, object] | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        self.message = message or (type(self).__doc__ or "").strip().splitlines()[0]
        self.details = details or {}
        self.retry_after_s = retry_after_s
        super().__init__(self.message)


class RequestError(OcrFleetError):
    """The request cannot be accepted."""

    code = "invalid_request"
    http_status = 422


class InvalidRequest(RequestError):
    """The request is not valid; correct the named field and send it again."""


class TooLarge(RequestError):
    """The document is larger than this service accepts; split it or raise OCRFLEET_MAX_FILE_BYTES."""

    code = "too_large"
    http_status = 413


class UnsupportedMedia(RequestError):
    """The content is neither a PDF nor a PNG, JPEG, WebP, BMP or TIFF image; convert it and send it again."""

    code = "unsupported_media"
    http_status = 415


class IdempotencyMismatch(RequestError):
    """This idempotency key was used for another request; choose a new key."""

    code = "idempotency_mismatch"
    http_status = 409


class SourceForbidden(RequestError):
    """The document may not be fetched from there; give a public address, or a bucket that the service allows."""

    code = "source_forbidden"


class SourceUnreachable(RequestError):
    """The document could not be fetched; check its address, and that it is there for anybody."""

    code = "source_unreachable"
    retryable = True


class LookupFailed(OcrFleetError):
    """The thing asked for is not there."""

    code = "not_found"
    http_status = 404


class NotFound(LookupFailed):
    """There is no such job, page or file."""


class NotFinished(LookupFailed):
    """The job is not finished; wait for a terminal state and ask again."""

    code = "not_finished"
    http_status = 409


class Expired(LookupFailed):
    """The results of this job have expired; submit the document again."""

    code = "expired"
    http_status = 410


class AccessRefused(OcrFleetError):
    """Who asks may not."""

    code = "forbidden"
    http_status = 403


class Unauthorized(AccessRefused):
    """No valid API key was sent; send one as `Authorization: Bearer KEY`, or set OCRFLEET_API_KEY."""

    code = "unauthorized"
    http_status = 401


class Forbidden(AccessRefused):
    """This API key lacks the scope for this; use another, or create one with `ocrfleet keys create`."""


class RateLimited(OcrFleetError):
    """More was asked for than this API key or its owner may; try again after `retry_after_s`."""

    code = "rate_limited"
    http_status = 429
    retryable = True
    retry_after_s: float

    def __init__(
        self,
        message: str | None = None,
        *,
        details: dict[str, object] | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message, details=details, retry_after_s=2.0 if retry_after_s is None else retry_after_s)


class Unavailable(OcrFleetError):
    """Redis or the object store does not answer; try again shortly."""

    code = "unavailable"
    http_status = 503
    retryable = True


class Refused(Unavailable):
    """Redis takes no writes; it changed nothing, try again when it takes writes."""


class QueueFull(Unavailable):
    """As many jobs wait and run as this service allows; nothing was accepted, try again when some have ended."""


class NotServed(Unavailable):
    """No worker serves this device now; start one, ask for another device, or try again later."""

    code = "not_served"


class WaitTimeout(OcrFleetError):
    """The job did not finish in the time given; it is still running, wait again."""

    code = "wait_timeout"
    http_status = 504
    retryable = True


class JobFailed(OcrFleetError):
    """The job ended without a result; `code` and `message` are those of the job's own error."""

    http_status = 409

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
