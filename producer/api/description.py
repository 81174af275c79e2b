"""The description of the API: what FastAPI reads off the routes, and the bodies that routes read themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from producer.api.examples import EXAMPLES
from producer.api.schemas import BatchRequest, JsonJobRequest
from producer.contract.jobs import JobRequest

_REF = "#/components/schemas/{model}"
_BODIES: tuple[type[BaseModel], ...] = (JsonJobRequest, BatchRequest, JobRequest)
_ANYTHING = {"type": "string", "format": "binary"}
_SCAN = {"type": "url", "url": "https://documents.example/scan.pdf"}
_ASKED = {"priority": "high", "pages": "1-3,7", "outputs": ["json", "pdf"], "tag": "invoices", "metadata": {"order": 7}}


class DescribedApp(FastAPI):
    """An application whose description names the bodies of `body_of` too."""

    def openapi(self) -> dict[str, Any]:  # Any: a document of JSON
        if self.openapi_schema is None:
            document = super().openapi()
            _, schemas = models_json_schema([(model, "validation") for model in _BODIES], ref_template=_REF)
            document["components"]["schemas"] |= schemas["$defs"]
            for name, example in EXAMPLES.items():
                document["components"]["schemas"][name]["example"] = example
            self.openapi_schema = document
        return self.openapi_schema


def body_of(content: Mapping[str, Any]) -> dict[str, Any]:
    """What a route adds to its description for a body that it reads itself."""
    return {"requestBody": {"required": True, "content": dict(content)}}


def json_of(model: type[BaseModel], example: Mapping[str, object]) -> dict[str, Any]:
    return {"schema": {"$ref": _REF.format(model=model.__name__)}, "example": dict(example)}


SUBMIT_BODY = body_of(
    {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["file"],
                "properties": {
                    "file": _ANYTHING | {"description": "The document: PDF, PNG, JPEG, WebP, BMP or TIFF"},
                    "request": {"$ref": _REF.format(model=JobRequest.__name__)},
                },
            },
            "encoding": {"request": {"contentType": "application/json"}},
        },
        "application/json": json_of(JsonJobRequest, {"source": _SCAN, **_ASKED}),
    }
)
BATCH_BODY = body_of({"application/json": json_of(BatchRequest, {"sources": [_SCAN, _SCAN], **_ASKED})})
UPLOAD_BODY = body_of({"application/octet-stream": {"schema": _ANYTHING}})
FILE_ANSWER: dict[int | str, dict[str, Any]] = {
    200: {"description": "The bytes of the file", "content": {"*/*": {"schema": _ANYTHING}}},
    307: {"description": "The address of the file in the object store", "content": {}},
}
