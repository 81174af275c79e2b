"""Between PaddleX's serving API and our jobs: requests and results translated, and its words for errors. Pure."""

from __future__ import annotations

import base64
import binascii
import json
import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from pydantic import ValidationError

from producer.api.paddlex_schemas import ImageInfo, InferRequest, PagesInfo, PageSize
from producer.contract.errors import OcrFleetError, UnsupportedMedia
from producer.contract.jobs import JobError, JobRequest, Priority
from producer.contract.sources import UrlSource
from producer.requests import parsed
from producer.source import media_type_of

# Pages that its serving reads of a document, `max_num_input_imgs`; later ones are passed over without a word.
_MAX_PAGES = 10
_PDF, _IMAGE = 0, 1
_INVALID_FILE = "Invalid input file"
_PRUNED = frozenset({"input_path", "page_index"})
_OPTIONS = {
    "useDocOrientationClassify": "use_doc_orientation_classify",
    "useDocUnwarping": "use_doc_unwarping",
    "useTextlineOrientation": "use_textline_orientation",
    "textDetLimitSideLen": "text_det_limit_side_len",
    "textDetLimitType": "text_det_limit_type",
    "textDetThresh": "text_det_thresh",
    "textDetBoxThresh": "text_det_box_thresh",
    "textDetUnclipRatio": "text_det_unclip_ratio",
    "textRecScoreThresh": "text_rec_score_thresh",
    "returnWordBox": "return_word_box",
}
_SPELLINGS = {name: spelling for spelling, name in _OPTIONS.items()}
# Codes of a document at fault: PaddleX has one answer for what it cannot read; the others are told in words.
_UNREADABLE = frozenset({"unreadable_document", "encrypted_document", "unsupported_media", "source_unreachable"})
_TOLD = frozenset({"page_too_large", "too_many_pages", "too_large", "source_forbidden"})


class PaddlexError(Exception):
    """An answer that is not a result: PaddleX's `errorCode`, which is the status, and its `errorMsg`."""

    def __init__(self, status: int, message: str, *, retry_after_s: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """What a request asks for: the job, and whether its pictures are wanted."""

    request: JobRequest
    with_images: bool


def parse(body: bytes) -> InferRequest:
    """Raises: PaddlexError 422, the errors by field in PaddleX's form."""
    if not body:
        raise _field_errors([{"type": "missing", "loc": "body", "msg": "Field required"}])
    try:
        return InferRequest.model_validate(json.loads(body), from_attributes=True)
    except json.JSONDecodeError as error:
        raise _field_errors(
            [{"type": "json_invalid", "loc": f"body[{error.pos}]", "msg": "JSON decode error"}]
        ) from error
    except ValidationError as error:
        raise _field_errors(
            [{"type": item["type"], "loc": _dotted(item["loc"]), "msg": item["msg"]} for item in error.errors()]
        ) from error
    except (ValueError, RecursionError) as error:  # not Unicode, too deep, or a number of too many digits
        raise PaddlexError(400, "There was an error parsing the body") from error


def log_id_in(body: bytes) -> str | None:
    """The `logId` of a request that could not be accepted."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return None
    named = found.get("logId") if isinstance(found, dict) else None
    return named if isinstance(named, str) and named else None


def order_of(request: InferRequest, *, wait_s: int) -> Order:
    """The job at high priority that expires when nobody waits for it any more. Raises: PaddlexError 422."""
    with_images = request.visualize is not False
    options = {name: getattr(request, spelling) for spelling, name in _OPTIONS.items()}
    try:
        job = JobRequest.model_validate(
            {
                "options": options,
                "priority": Priority.HIGH,
                "pages": f"1-{_MAX_PAGES}",
                "outputs": ["json", "paddlex"] if with_images else ["json"],
                "tag": "paddlex",
                "ttl_s": wait_s,
            }
        )
    except ValidationError as error:
        raise _field_errors(
            [
                {"type": item["type"], "loc": f"body.{_SPELLINGS[str(item['loc'][-1])]}", "msg": item["msg"]}
                for item in error.errors()
            ]
        ) from error
    return Order(request=job, with_images=with_images)


def is_address(file: str) -> bool:
    """Whether `file` is an address, and not Base64."""
    return file.startswith(("http://", "https://")) and bool(urlsplit(file).netloc)


def check_type(request: InferRequest) -> int:
    """`fileType`, or what the ending of an address tells. Raises: PaddlexError 422."""
    if request.fileType is not None:
        return request.fileType
    if not is_address(request.file):
        raise PaddlexError(422, "File type cannot be determined")
    kind = mimetypes.guess_type(urlsplit(request.file).path.rpartition("/")[2])[0] or ""
    if kind != "application/pdf" and not kind.startswith("image/"):
        raise PaddlexError(422, "Unsupported file type")
    return _PDF if kind == "application/pdf" else _IMAGE


def address_in(request: InferRequest) -> UrlSource:
    """`file` as an address to fetch. Raises: PaddlexError 422; InvalidRequest: it is too long."""
    check_type(request)
    return parsed(UrlSource, {"url": request.file})


def check_fetched(request: InferRequest, media_type: str) -> None:
    """What was at the address is of the type that is said. Raises: PaddlexError 422."""
    if (media_type == "application/pdf") != (check_type(request) == _PDF):
        raise PaddlexError(422, _INVALID_FILE)


def document_in(request: InferRequest) -> bytes:
    """The bytes of the document. Raises: PaddlexError 422: not Base64, or not of the type that is said."""
    file_type = check_type(request)
    try:
        data = base64.b64decode(request.file)
        is_pdf = media_type_of(data) == "application/pdf"
    except (binascii.Error, ValueError, UnsupportedMedia) as error:
        raise PaddlexError(422, _INVALID_FILE) from error
    if is_pdf != (file_type == _PDF):
        raise PaddlexError(422, _INVALID_FILE)
    return data


def refusal(error: OcrFleetError) -> PaddlexError:
    """Why a job could not be made, or its result not be had."""
    if error.retryable:
        return PaddlexError(error.http_status, error.message, retry_after_s=2)
    return PaddlexError(error.http_status, error.message)


def failure(error: JobError) -> PaddlexError:
    """Why a job, or one of its pages, has no result."""
    if error.code in _UNREADABLE:
        return PaddlexError(422, _INVALID_FILE)
    return PaddlexError(422 if error.code in _TOLD else 500, error.message)


# Any: the pipeline's result is JSON.
def pruned(value: Any) -> Any:
    """The result without the keys that name the server's files, all the way down."""
    if isinstance(value, Mapping):
        return {key: pruned(item) for key, item in value.items() if key not in _PRUNED}
    return [pruned(item) for item in value] if isinstance(value, list) else value


def data_info(media_type: str, sizes: list[PageSize]) -> ImageInfo | PagesInfo:
    """What the document was; a TIFF of one frame is an image."""
    if media_type == "application/pdf":
        return PagesInfo(numPages=len(sizes), pages=sizes, type="pdf")
    if len(sizes) > 1:
        return PagesInfo(numPages=len(sizes), pages=sizes, type="tiff")
    return ImageInfo(width=sizes[0].width, height=sizes[0].height)


def _field_errors(errors: list[dict[str, str]]) -> PaddlexError:
    return PaddlexError(422, json.dumps(errors))


def _dotted(location: tuple[int | str, ...]) -> str:
    path = "body"
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{part}"
    return path
