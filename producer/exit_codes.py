"""What the exit status of a command says."""

from __future__ import annotations

from enum import Enum

from producer.contract.errors import (
    AccessRefused,
    JobFailed,
    LookupFailed,
    OcrFleetError,
    RateLimited,
    RequestError,
    Unavailable,
    WaitTimeout,
)


class ExitCode(int, Enum):
    """0 is success."""

    JOB_FAILED = 1
    USAGE = 2
    UNREACHABLE = 3
    NOT_FOUND = 4
    TIMED_OUT = 5
    INTERRUPTED = 130  # as shells say it of Ctrl-C


def exit_code_of(error: OcrFleetError) -> ExitCode:
    """The status with which a command leaves for this error."""
    for kind, code in (
        (JobFailed, ExitCode.JOB_FAILED),
        (LookupFailed, ExitCode.NOT_FOUND),
        (WaitTimeout, ExitCode.TIMED_OUT),
        (Unavailable, ExitCode.UNREACHABLE),
        (RateLimited, ExitCode.UNREACHABLE),
        (RequestError, ExitCode.USAGE),
        (AccessRefused, ExitCode.USAGE),
    ):
        if isinstance(error, kind):
            return code
    return ExitCode.JOB_FAILED
