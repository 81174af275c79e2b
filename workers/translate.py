"""Between the engine's words and the contract's: options in, results and errors out. Pure."""

from __future__ import annotations

from ocr_engine import EngineError, OCRResult, PredictOptions
from producer.contract import names
from producer.contract.errors import OcrFleetError
from producer.contract.jobs import JobError, JobRequest
from producer.contract.results import EngineInfo, PageResult
from workers.engine import Engine


def predict_options(request: JobRequest) -> PredictOptions:
    """The engine's options for a request; those that were not asked for keep the engine's defaults."""
    return PredictOptions.parse(request.options.model_dump(exclude_none=True))


def page_result(job_id: str, page: int, result: OCRResult, *, with_image: bool) -> PageResult:
    """What a page's JSON holds; pages count from 1."""
    files = {"json": names.file_href(job_id, f"{page:05}.json")}
    if with_image:
        files["image"] = names.file_href(job_id, names.image_name(page))
    return PageResult(
        page=page,
        status="succeeded",
        width=result.width,
        height=result.height,
        result=result.json["res"],
        original_polys=result.original_polys or [],
        files=files,
        timings_ms=result.timings_ms,
    )


def failed_page(page: int, error: JobError) -> PageResult:
    """The place of a page that has no result."""
    return PageResult(page=page, status="failed", error=error)


def job_error(error: EngineError | OcrFleetError) -> JobError:
    return JobError(code=error.code, message=error.message, retryable=error.retryable)


def engine_info(engine: Engine) -> EngineInfo:
    return EngineInfo(profile=engine.profile, models=dict(engine.models), runtime=engine.runtime, device=engine.device)
