"""The description of the API: complete, valid by its own examples, and what the service does (schemathesis)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import jsonschema_rs
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.strategies import SearchStrategy
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from producer.backends.memory_objects import MemoryObjectStore
from producer.backends.memory_store import MemoryJobStore
from producer.contract.jobs import JobError, JobState
from producer.direct import Producer
from producer.intake import ProducerLimits
from producer.settings import Settings
from tests.integration.doorbell import Bells
from tests.integration.serving import PNG, serving, taken, work

REQUESTS_A_ROUTE = 8
ENDLESS = "/v1/events"  # an answer that never ends cannot be compared
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
STUCK = JobError(code="page_timeout", message="too slow", retryable=True)
LIMITS = ProducerLimits(
    max_file_bytes=100_000, max_open_jobs=50, job_ttl_s=3600, result_ttl_s=3600, webhooks_signed=True
)


@pytest.fixture(scope="module")
def served() -> Iterator[str]:
    """A service on stores in memory, with jobs that have ended: events of others have no end."""
    store, objects = MemoryJobStore(), MemoryObjectStore()
    producer = Producer(store, objects, Bells(), LIMITS)
    work(store, objects, producer.submit(PNG).id)
    lease = taken(store, producer.submit(PNG, webhook={"url": "https://example.org"}).id)
    store.leases.finish(lease, JobState.FAILED, error=STUCK, outputs={}, is_dead=True)
    producer.cancel(producer.submit(PNG).id)
    with serving(producer, Settings(max_file_bytes=100_000)) as address:
        yield address


@pytest.fixture(scope="module")
def document(served: str) -> dict[str, Any]:
    description: dict[str, Any] = httpx.get(f"{served}/openapi.json").json()
    return description


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_no_request_is_answered_with_a_500_or_with_what_is_not_described(served: str, mode: GenerationMode) -> None:
    """Requests that the description allows, and requests that it does not."""
    schema = schemathesis.openapi.from_url(f"{served}/openapi.json").exclude(path=ENDLESS)
    for found in schema.get_all_operations():
        assert isinstance(found, Ok)
        operation = found.ok()
        if operation.body or operation.path_parameters or operation.query:  # else there is nothing to be wrong about
            _answers_as_described(operation.as_strategy(generation_mode=mode))


def _answers_as_described(cases: SearchStrategy[schemathesis.Case[Any]]) -> None:
    @given(case=cases)
    @settings(
        max_examples=REQUESTS_A_ROUTE,
        phases=(Phase.generate,),
        derandomize=True,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    def run(case: schemathesis.Case[Any]) -> None:
        case.call_and_validate(checks=CHECKS, timeout=10)

    run()


def test_every_field_and_parameter_is_described(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    fields = [
        f"{name}.{field}"
        for name, schema in schemas.items()
        for field, value in schema.get("properties", {}).items()
        if "description" not in value
    ]
    parameters = [
        f"{path} {parameter['name']}"
        for path, operations in document["paths"].items()
        for operation in operations.values()
        for parameter in operation.get("parameters", [])
        if "description" not in parameter
    ]
    assert fields + parameters == []


def test_every_route_has_a_summary_and_says_how_it_may_refuse(document: dict[str, Any]) -> None:
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            assert operation["description"], (method, path)
            if path.startswith("/v1/"):
                assert {"401", "403", "422", "429", "503"} <= set(operation["responses"]), (method, path)


def test_every_answer_and_body_has_an_example_that_its_schema_allows(document: dict[str, Any]) -> None:
    resolver = {"components": document["components"], "$schema": "https://json-schema.org/draft/2020-12/schema"}
    examples = 0
    for name, schema in document["components"]["schemas"].items():
        if "example" in schema:
            jsonschema_rs.validate(resolver | {"$ref": f"#/components/schemas/{name}"}, schema["example"])
            examples += 1
    for path, operations in document["paths"].items():
        if not path.startswith("/v1/"):
            continue  # PaddleX's own, which its documentation describes
        for operation in operations.values():
            for body in _json_bodies(operation):
                example = body.get("example") or _example_of(document, body["schema"])
                assert example is not None, (path, body)
                jsonschema_rs.validate(resolver | body["schema"], example)
    assert examples >= 10


def test_references_lead_somewhere(document: dict[str, Any]) -> None:
    text = json.dumps(document)
    named = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert named <= set(document["components"]["schemas"])
    assert "#/$defs/" not in text


def _json_bodies(operation: dict[str, Any]) -> list[dict[str, Any]]:
    contents = [operation.get("requestBody", {}).get("content", {})]
    contents += [answer.get("content", {}) for status, answer in operation["responses"].items() if status < "3"]
    return [content["application/json"] for content in contents if content.get("application/json", {}).get("schema")]


def _example_of(document: dict[str, Any], schema: dict[str, Any]) -> Any:
    if "$ref" not in schema:
        return {} if schema.get("type") == "object" else None
    return document["components"]["schemas"][schema["$ref"].rpartition("/")[2]].get("example")
