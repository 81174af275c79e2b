"""The document result: what `/result` returns and `result.json` holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from producer.contract.jobs import JobError, JobState, SourceInfo
from producer.contract.strict import Strict

SCHEMA_VERSION = "1.0"


class PlacedWord(Strict):
    """A word in the original page's pixels: `poly` clockwise as it is read, from its top left corner."""

    text: str = Field(description="The word")
    poly: list[list[int]] = Field(description="Its corners: x, y")


class PageResult(Strict):
    """One page. Polygons are pixels, origin top-left, clockwise from the text's top-left corner."""

    page: int = Field(ge=1, description="Counted from 1")
    status: Literal["succeeded", "failed"] = Field(description="Whether there is a result")
    width: int | None = Field(None, description="Pixels of the page as it was read, before it was turned")
    height: int | None = Field(None, description="As `width`")
    result: Mapping[str, object] | None = Field(None, description="The pipeline's `res` object")
    original_polys: list[list[list[int]]] = Field(
        default_factory=list, description="rec_polys in the original page's pixels"
    )
    original_words: list[list[PlacedWord]] | None = Field(
        None, description="The words of each line; only when an output asks for them: `hocr`, `alto` or `pdf`"
    )
    files: Mapping[str, str] = Field(default_factory=dict, description="Addresses of the files of the page, by name")
    views: Mapping[str, str] = Field(
        default_factory=dict,
        description="To look at, shrunk: `page` as it was given; `upright` as it was read, if it was flattened",
    )
    error: JobError | None = Field(None, description="Why there is no result")
    timings_ms: Mapping[str, float] = Field(default_factory=dict, description="How long each step took")


class EngineInfo(Strict):
    """What read the document."""

    profile: str = Field(description="The contract of models and settings")
    models: Mapping[str, str] = Field(description="module -> name@sha256")
    runtime: str = Field(description="The inference library and its precision")
    device: str = Field(description="Where it ran")


class DocumentResult(Strict):
    """All pages of a document, and what made them."""

    schema_version: str = Field(SCHEMA_VERSION, description="Of this format")
    job_id: str = Field(description="The job that made it")
    source: SourceInfo = Field(description="The document as it was received")
    status: JobState = Field(description="How the job ended")
    pages: list[PageResult] = Field(description="In the order of the document")
    engine: EngineInfo = Field(description="What read it")
    timings_ms: Mapping[str, float] = Field(description="How long it took")
