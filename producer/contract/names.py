"""Names that both sides of the queue agree on: tasks, queues, object keys, file names."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime
from typing import Literal

TASK_WORK = "ocrfleet.work"

DEVICE_KINDS = ("gpu", "npu", "xpu", "mlu", "dcu", "cpu")
QUEUE_ANY = "ocr.any"
QUEUE_FETCH = "ocr.fetch"  # jobs whose document is elsewhere: io workers fetch it, then its device's queue has them

QUEUES_OF_IO = (QUEUE_FETCH,)

JOBS_PREFIX = "jobs/"
UPLOADS_PREFIX = "uploads/"
KEYS_PREFIX = "keys/"

JOB_ID = re.compile(r"[0-9a-f]{32}")
KEY_ID = re.compile(r"[0-9a-f]{16}")
EVENT_ID = re.compile(r"evt_(?P<job_id>[0-9a-f]{32})(_\d{1,6})?")
OWNER = re.compile(r"[\w.\-]{0,64}", re.ASCII)
_PAGE_JSON = re.compile(r"(\d{5})\.json")
_PAGE_IMAGE = re.compile(r"\d{5}_(ocr_res_img|page|upright)\.jpg")
# Output -> the file that holds it, and its media type.
_EXPORTS = {
    "text": ("document.txt", "text/plain; charset=utf-8"),
    "hocr": ("document.hocr", "application/xhtml+xml"),
    "alto": ("document.alto.xml", "application/xml"),
    "pdf": ("document.pdf", "application/pdf"),
}
EXPORTS = tuple(_EXPORTS)
# The pictures of a page that PaddleX's serving gives, by its own names.
SERVING_IMAGES = ("input_img", "ocr_img", "doc_preprocessing_img")
_SERVING_IMAGE = re.compile(rf"(\d{{5}})_serving_({'|'.join(SERVING_IMAGES)})\.jpg")
_EXPORT_TYPES = dict(_EXPORTS.values())
_OF_JOB = re.compile(r"jobs/(?P<job_id>[0-9a-f]{32})/")
_OF_UPLOAD = re.compile(r"uploads/[0-9a-f]{32}/")
_UNSAFE = re.compile(r"[^\w.\- ()]+")
_FILENAME_BYTES = 200


def queue_of(device: str) -> str:
    """The queue for a requested device: `auto`, a kind (`gpu`) or an exact device (`gpu:0`)."""
    if device == "auto":
        return QUEUE_ANY
    return "ocr." + device.replace(":", ".")


def queues_served_by(device: str) -> tuple[str, ...]:
    """The queues that a worker pinned to `device` takes from: its own, its kind's, and everybody's."""
    kind = kind_of(device)
    return tuple(dict.fromkeys((queue_of(device), queue_of(kind), QUEUE_ANY)))


def kind_of(device: str) -> str:
    """The kind of a device, `gpu` of `gpu:0`."""
    return device.partition(":")[0]


def kind_of_queue(queue: str) -> str:
    """The kind of the devices that a queue's work is for; `auto` where any will do."""
    return "auto" if queue == QUEUE_ANY else queue.split(".")[1]


def job_prefix(job_id: str) -> str:
    """Every object of a job begins with this."""
    return f"{JOBS_PREFIX}{job_id}/"


def job_of_key(key: str) -> str | None:
    """The job that an object belongs to; None for a key that is not one of ours."""
    match = _OF_JOB.match(key)
    return match["job_id"] if match else None


def made_at(job_id: str) -> datetime | None:
    """When the id was made: a UUID of version 7 begins with its time, 48 bits of milliseconds.

    None: at no time that there is, so the id is not one of ours.
    """
    try:
        return datetime.fromtimestamp(int(job_id[:12], 16) / 1000, tz=UTC)
    except (ValueError, OverflowError):
        return None


def input_key(job_id: str, filename: str) -> str:
    return f"{job_prefix(job_id)}input/{filename}"


def upload_key(owner: str, upload_id: str) -> str:
    """Where an upload lies until a job takes it: nobody else's, since the owner is part of it. Ids begin with time."""
    return f"{UPLOADS_PREFIX}{upload_id}/{owner or '-'}"


def is_upload_key(key: str) -> bool:
    """Whether it is that of an upload, and not of something that somebody put there."""
    return _OF_UPLOAD.match(key) is not None


def upload_made_at(key: str) -> datetime | None:
    """When an upload was asked for, by its key; None as for `made_at`."""
    return made_at(key.removeprefix(UPLOADS_PREFIX))


def api_key_key(key_id: str) -> str:
    """Where an API key lies beside the jobs, without its secret."""
    return f"{KEYS_PREFIX}{key_id}.json"


def manifest_key(job_id: str) -> str:
    return f"{job_prefix(job_id)}manifest.json"


def result_key(job_id: str) -> str:
    return f"{job_prefix(job_id)}result.json"


def page_key(job_id: str, page: int) -> str:
    return f"{job_prefix(job_id)}pages/{page:05}.json"


def is_page_key(key: str) -> bool:
    """Whether it is the JSON of a page."""
    return key.rpartition("/")[0].endswith("/pages") and _PAGE_JSON.fullmatch(key.rpartition("/")[2]) is not None


def image_name(page: int) -> str:
    return f"{page:05}_ocr_res_img.jpg"


def view_name(page: int, view: Literal["page", "upright"]) -> str:
    """A page to look at: as it was given, or as it was read."""
    return f"{page:05}_{view}.jpg"


def picture_key(job_id: str, name: str) -> str:
    """The object of a drawing or a view by its file name."""
    return f"{job_prefix(job_id)}images/{name}"


def serving_image_name(page: int, image: str) -> str:
    """The file of one of `SERVING_IMAGES`."""
    return f"{page:05}_serving_{image}.jpg"


def export_name(output: str) -> str:
    """The file that holds an output of the whole document, one of `EXPORTS`."""
    return _EXPORTS[output][0]


def export_key(job_id: str, output: str) -> str:
    return f"{job_prefix(job_id)}exports/{export_name(output)}"


def file_href(job_id: str, name: str) -> str:
    """The address of a result file in the HTTP API."""
    return f"/v1/jobs/{job_id}/files/{name}"


def file_key(job_id: str, name: str) -> str | None:
    """The object behind a public file name; None for a name that no job has. Never a path of the caller's making."""
    if name == "result.json":
        return result_key(job_id)
    if match := _PAGE_JSON.fullmatch(name):
        return page_key(job_id, int(match[1]))
    if _PAGE_IMAGE.fullmatch(name) or _SERVING_IMAGE.fullmatch(name):
        return picture_key(job_id, name)
    if name in _EXPORT_TYPES:
        return f"{job_prefix(job_id)}exports/{name}"
    return None


def media_type_of(name: str) -> str:
    """The media type of a result file."""
    return _EXPORT_TYPES.get(name) or ("application/json" if name.endswith(".json") else "image/jpeg")


def safe_filename(name: str | None, *, suffix: str) -> str:
    """A caller's file name made fit for an object key: no folders, no control characters, not hidden, bounded."""
    base = unicodedata.normalize("NFC", name or "").replace("\\", "/").rpartition("/")[2]
    base = _UNSAFE.sub("_", base).strip(" .")
    stem, dot, ending = base.rpartition(".")
    if dot and len(ending) <= 8:
        base = f"{_cut(stem, _FILENAME_BYTES - len(ending.encode()) - 1)}.{ending}"
    return _cut(base, _FILENAME_BYTES) or f"document{suffix}"


def _cut(text: str, most_bytes: int) -> str:
    """The beginning of a text, no character of it in halves."""
    return text.encode()[:most_bytes].decode(errors="ignore")
