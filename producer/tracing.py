"""Traces of jobs: each step of a job is a span, in whichever process it was taken.

The trace of a job has the job's id: both have 128 bits, so neither record nor message carries a trace along. Where
nobody exports traces (see `telemetry.py`) a step costs a function call.
"""

from __future__ import annotations

from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

_HALF = 16  # hexadecimal digits of an id that make the id of a span


def record_step(name: str, job_id: str, *, began_ns: int, **attributes: str | int) -> None:
    """A step of a job that is over now. began_ns: nanoseconds since the epoch, as `time.time_ns`."""
    root = SpanContext(
        trace_id=int(job_id, 16),
        span_id=int(job_id[_HALF:], 16),
        is_remote=True,
        trace_flags=TraceFlags(TraceFlags.SAMPLED),
    )
    span = trace.get_tracer("ocrfleet").start_span(
        name,
        context=trace.set_span_in_context(NonRecordingSpan(root)),
        start_time=began_ns,
        attributes={"ocrfleet.job_id": job_id, **{f"ocrfleet.{key}": value for key, value in attributes.items()}},
    )
    span.end()
