"""Between the engine's words and the contract's: options in, results and errors out. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from ocr_engine import EngineError, ModelUnavailable, OCRResult, PredictOptions
from producer.contract import names
from producer.contract.errors import OcrFleetError
from producer.contract.jobs import JobError, JobRequest
from producer.contract.models import ModelChoice
from producer.contract.results import EngineInfo, PageResult, PlacedWord
from workers.engine import Engine

NO_VIEWS: Mapping[str, str] = MappingProxyType({})
_NO_MODELS = "this worker cannot load the models that the job asks for: choose others, or have its operator bring them"
_WITH_WORDS = frozenset({"hocr", "alto", "pdf"})


def predict_options(request: JobRequest) -> PredictOptions:
    """The options of a call for a request; those that were not asked for keep the engine's defaults."""
    return PredictOptions.parse(request.options.model_dump(exclude=set(ModelChoice.model_fields), exclude_none=True))


def page_result(
    request: JobRequest, job_id: str, page: int, result: OCRResult, views: Mapping[str, str] = NO_VIEWS
) -> PageResult:
    """What a page's JSON holds; pages count from 1. views: those that are stored, with their file names."""
    words = result.original_words if _WITH_WORDS.intersection(request.outputs) else None
    files = {"json": names.file_href(job_id, f"{page:05}.json")}
    if "image" in request.outputs:
        files["image"] = names.file_href(job_id, names.image_name(page))
    return PageResult(
        page=page,
        status="succeeded",
        width=result.width,
        height=result.height,
        result=result.json["res"],
        original_polys=result.original_polys or [],
        original_words=None if words is None else [[PlacedWord(**word) for word in line] for line in words],
        files=files,
        views={view: names.file_href(job_id, name) for view, name in views.items()},
        timings_ms=result.timings_ms,
    )


def failed_page(page: int, error: JobError) -> PageResult:
    """The place of a page that has no result."""
    return PageResult(page=page, status="failed", error=error)


def job_error(error: EngineError | OcrFleetError) -> JobError:
    """What callers are told; where a model was looked for on this machine is for the worker's log."""
    message = error.message
    if isinstance(error, ModelUnavailable):
        message = f"{error.for_callers or _NO_MODELS}; the worker's log says what was tried"
    return JobError(code=error.code, message=message, retryable=error.retryable)


def unexpected(error: BaseException) -> JobError:
    """What no step of ours or the engine's expected; lack of memory may strike anywhere."""
    if isinstance(error, MemoryError):
        message = "the process had no memory left for the page; send it smaller, or give the worker more memory"
        return JobError(code="out_of_memory", message=message, retryable=True)
    return JobError(code="internal", message=f"an unexpected {type(error).__name__}; see the worker's log")


def engine_info(engine: Engine) -> EngineInfo:
    return EngineInfo(profile=engine.profile, models=dict(engine.models), runtime=engine.runtime, device=engine.device)
