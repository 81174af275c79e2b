"""Sending the spans of this process to an OpenTelemetry collector. The only importer of OpenTelemetry's SDK."""

from __future__ import annotations

from collections.abc import Callable

from producer.contract.errors import InvalidRequest


def export_traces(endpoint: str | None, *, service: str) -> Callable[[], None]:
    """Send spans to `endpoint`, OTLP over HTTP, until the answer is called, which sends the last ones. None: do not.

    Raises: InvalidRequest: the extra is not installed.
    """
    if endpoint is None:
        return lambda: None
    try:
        from opentelemetry import trace
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise InvalidRequest("OCRFLEET_OTLP_ENDPOINT needs `pip install 'ocrfleet[tracing]'`") from error
    provider = TracerProvider(resource=Resource.create({"service.name": service}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces")))
    trace.set_tracer_provider(provider)
    return provider.shutdown
