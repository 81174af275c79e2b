"""The job: what a caller asks for, the states it goes through, and what a caller is shown of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, HttpUrl, StringConstraints, field_validator

from producer.contract.models import ModelChoice
from producer.contract.pages import PageSelection
from producer.contract.sources import Remote
from producer.contract.strict import Strict, worded

METADATA_MAX_BYTES = 4096
DAY_S = 86_400


class JobState(StrEnum):
    """Where a job is in its life; the public field is called `status`."""

    QUEUED = "queued"  # accepted and recorded; no worker has it
    RUNNING = "running"  # a worker holds its lease
    SUCCEEDED = "succeeded"  # every page has a result
    PARTIAL = "partial"  # some pages failed; the others have a result
    FAILED = "failed"  # no page has a result
    CANCELLED = "cancelled"  # stopped because the caller asked
    EXPIRED = "expired"  # nobody could run it within its time to live

    @property
    def is_terminal(self) -> bool:
        return self not in (JobState.QUEUED, JobState.RUNNING)


class Priority(StrEnum):
    """Which of the waiting jobs is taken first."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"


Device = Annotated[
    str,
    StringConstraints(pattern=r"^(auto|(gpu|npu|xpu|mlu|dcu)(:\d{1,3})?|cpu)$"),
    worded("give `auto`, a kind (cpu, gpu, npu, xpu, mlu, dcu) or an exact device such as gpu:0"),
]
Output = Literal["json", "image", "text", "hocr", "alto", "pdf", "paddlex"]
TerminalEvent = Literal["job.succeeded", "job.partial", "job.failed", "job.cancelled", "job.expired"]
TERMINAL_EVENTS: tuple[TerminalEvent, ...] = (
    "job.succeeded",
    "job.partial",
    "job.failed",
    "job.cancelled",
    "job.expired",
)


class OcrOptions(ModelChoice):
    """The predict parameters of the General OCR pipeline, and its models; None leaves the worker's or the pipeline's.

    As strict about types as the engine: `true` is no number, and "960" is none.
    """

    use_doc_orientation_classify: bool | None = Field(None, description="Turn sideways pages upright first")
    use_doc_unwarping: bool | None = Field(None, description="Flatten bent pages first")
    use_textline_orientation: bool | None = Field(None, description="Turn upside-down lines before reading them")
    text_det_limit_side_len: int | None = Field(None, ge=32, le=16_000, description="Detector side limit, pixels")
    text_det_limit_type: Literal["min", "max"] | None = Field(None, description="Which side the limit is for")
    text_det_thresh: float | None = Field(None, gt=0, lt=1, description="Pixel threshold of the detector")
    text_det_box_thresh: float | None = Field(None, gt=0, lt=1, description="Mean score a box needs")
    text_det_unclip_ratio: float | None = Field(None, ge=0.01, le=10, description="How far boxes are grown")
    text_rec_score_thresh: float | None = Field(None, ge=0, le=1, description="Lines below this score are dropped")
    return_word_box: bool | None = Field(None, description="Also give every word and its box")


class WebhookRequest(Strict):
    """Where to tell of the end of the job, and of which ends."""

    url: HttpUrl = Field(description="A public http or https address")
    events: tuple[TerminalEvent, ...] = Field(TERMINAL_EVENTS, description="Ends to tell of")


class JobRequest(Strict):
    """Everything that a caller may ask of one document besides the document itself."""

    options: OcrOptions = Field(OcrOptions(), description="Parameters of the pipeline")
    device: Device = Field("auto", description="`auto`, a kind, or an exact device")
    priority: Priority = Field(Priority.NORMAL, description="Which of the waiting jobs is taken first")
    pages: str | None = Field(None, max_length=1000, description="Pages to read, counted from 1: `1-3,7`")
    outputs: tuple[Output, ...] = Field(
        ("json", "image"),
        description="`json` is always made; `image` is a drawing a page, `paddlex` the pictures that PaddleX's "
        "serving gives; the others are one file for the document",
    )
    webhook: WebhookRequest | None = Field(None, description="Whom to tell of the end")
    metadata: dict[str, object] = Field(default_factory=dict, description="Echoed; at most 4 KB as JSON")
    tag: str | None = Field(None, min_length=1, max_length=64, description="A word of yours, to list jobs by")
    ttl_s: int | None = Field(None, ge=1, le=30 * DAY_S, description="Seconds to wait for a worker before expiring")
    reuse: bool = Field(False, description="A finished result of the same document and options may be the answer")

    @field_validator("metadata")
    @classmethod
    def _metadata_is_small_json(cls, value: dict[str, object]) -> dict[str, object]:
        try:
            json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
        except (TypeError, ValueError) as error:
            raise ValueError("it cannot be written as JSON; give texts, numbers, lists and objects of them") from error
        size = len(json.dumps(value).encode())
        if size > METADATA_MAX_BYTES:
            raise ValueError(f"{size} bytes as JSON; at most {METADATA_MAX_BYTES} are kept")
        return value

    @field_validator("pages")
    @classmethod
    def _pages_parse(cls, value: str | None) -> str | None:
        if value is not None:
            PageSelection.parse(value)
        return value


class SourceInfo(Strict):
    """The document as it was received; before it is fetched `sha256` is empty."""

    filename: str = Field(description="Made safe for a file name")
    media_type: str = Field(description="By content, not by name")
    sha256: str = Field(description="Of the bytes; empty before the document is fetched")
    size_bytes: int = Field(description="0 before the document is fetched")

    @property
    def is_here(self) -> bool:
        return bool(self.sha256)


class JobError(Strict):
    """Why a job or a page has no result."""

    code: str = Field(description="Stable")
    message: str = Field(description="What is wrong and what to do, for people")
    retryable: bool = Field(False, description="Whether running it again may help")


class Progress(Strict):
    """Pages counted; `pages_total` is None until the document was opened."""

    pages_total: int | None = Field(None, description="Pages that will be read")
    pages_done: int = Field(0, description="Pages that have a result")
    pages_failed: int = Field(0, description="Pages that have an error")


class Links(Strict):
    """Addresses of the job, relative to the server."""

    self: str = Field(description="The job")
    events: str = Field(description="What happens to it, as it happens")
    result: str = Field(description="The document result")
    cancel: str = Field(description="Stop it, with POST")


class Job(Strict):
    """What a caller is shown of a job."""

    id: str = Field(description="Names the job")
    status: JobState = Field(description="Where it is in its life")
    filename: str | None = Field(None, description="What the document is called")
    owner: str = Field("", description="Whose job it is; empty where no keys are used")
    priority: Priority = Field(Priority.NORMAL, description="Which of the waiting jobs is taken first")
    created_at: datetime = Field(description="When it was accepted")
    started_at: datetime | None = Field(None, description="When a worker first took it")
    finished_at: datetime | None = Field(None, description="When it ended")
    progress: Progress = Field(Progress(), description="Pages counted")
    device: str | None = Field(None, description="The device that runs or ran it")
    attempts: int = Field(0, description="How often it, or a part of it, was begun")
    error: JobError | None = Field(None, description="Why it has no result")
    outputs: Mapping[str, str] = Field(default_factory=dict, description="Document outputs by name")
    links: Links = Field(description="Where to go from here")
    metadata: Mapping[str, object] = Field(default_factory=dict, description="Yours, echoed")
    tag: str | None = Field(None, description="Yours, echoed")
    idempotency_key: str | None = Field(None, description="The key it was submitted with")


class JobList(Strict):
    """One page of a listing, newest first."""

    jobs: tuple[Job, ...] = Field(description="As `GET /v1/jobs/{id}` shows each")
    next_cursor: str | None = Field(description="Give it as `cursor` for the next page; null: this is the last")


class DeadLetter(Strict):
    """A job that gave up on its document or on pages of it, and why."""

    job: Job = Field(description="The job that gave up")
    pages: Mapping[int, JobError] = Field(description="The failed pages, counted from 1")


class JobRecord(Strict):
    """A job as the store keeps it: the public part, the request, the source and whose it is.

    ttl_s: how long it may wait for a worker. retention_s: how long it is kept from its end.
    `run` counts from 0 how often the job was asked to run again.
    remote: where the document is to be fetched from; `source` says little before that.
    """

    job: Job
    request: JobRequest
    source: SourceInfo
    ttl_s: int
    retention_s: int
    owner: str = ""
    run: int = 0
    remote: Remote | None = None
    batch: str | None = None


class Event(Strict):
    """One thing that happened to a job; `id` orders the events and resumes a stream."""

    id: str
    type: str
    data: Mapping[str, object]


def utc_from_ms(milliseconds: int) -> datetime:
    """Redis time in milliseconds since the epoch as an aware datetime."""
    return datetime.fromtimestamp(milliseconds / 1000, tz=UTC)


def ms_from_utc(at: datetime) -> int:
    """An aware datetime as milliseconds since the epoch."""
    return int(at.timestamp() * 1000)


def links_of(job_id: str) -> Links:
    """The addresses of a job in the HTTP API."""
    base = f"/v1/jobs/{job_id}"
    return Links(self=base, events=f"{base}/events", result=f"{base}/result", cancel=f"{base}/cancel")
