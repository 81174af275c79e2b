"""The trace of a job, from its submission to its webhook, over OTLP as a collector gets it."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from producer.contract.errors import InvalidRequest
from producer.telemetry import export_traces

JOB = "0195b6c8d0a07c3a9f1e2d3c4b5a6978"
# A process of its own: a tracer provider is set once in a process, and for good.
STEPS = """
import json, sys, time
from producer.telemetry import export_traces
from producer.tracing import record_step
job, endpoint = sys.argv[1:]
stop = export_traces(endpoint, service="ocrfleet-test")
for name in ("submit", "unit", "page", "finish", "webhook"):
    record_step(name, job, began_ns=time.time_ns() - 5_000_000, page=1)
stop()
"""


@pytest.fixture
def collector() -> Iterator[tuple[str, list[ExportTraceServiceRequest]]]:
    """An address, and what was sent there."""
    received: list[ExportTraceServiceRequest] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/v1/traces"
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.append(ExportTraceServiceRequest.FromString(body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Nothing to say."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", received
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_steps_of_a_job_are_one_trace_that_has_its_id(
    collector: tuple[str, list[ExportTraceServiceRequest]],
) -> None:
    address, received = collector
    subprocess.run([sys.executable, "-c", STEPS, JOB, address], check=True, timeout=60)
    spans = [
        span
        for request in received
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]
    assert [span.name for span in spans] == ["submit", "unit", "page", "finish", "webhook"]
    assert {span.trace_id.hex() for span in spans} == {JOB}
    assert all(span.end_time_unix_nano - span.start_time_unix_nano >= 5_000_000 for span in spans)
    assert {attribute.key for attribute in spans[0].attributes} == {"ocrfleet.job_id", "ocrfleet.page"}


def test_nothing_is_sent_where_no_collector_is_named() -> None:
    steps = STEPS.replace("endpoint, service", "None, service") + "\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", steps, JOB, "-"], check=True, timeout=60, capture_output=True, text=True
    )
    assert not [name for name in json.loads(done.stdout) if name.startswith("opentelemetry.sdk")]


def test_without_the_extra_the_setting_is_refused_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(InvalidRequest, match="tracing"):
        export_traces("http://127.0.0.1:1", service="x")
