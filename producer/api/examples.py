"""An example of each answer, as a small service would give it; tests check that they are valid."""

from __future__ import annotations

from typing import Any

_JOB_ID = "019aa3b2c4d57e6f8a9b0c1d2e3f4a5b"
_JOB = {
    "id": _JOB_ID,
    "status": "succeeded",
    "created_at": "2026-11-24T09:30:00.120000Z",
    "started_at": "2026-11-24T09:30:00.140000Z",
    "finished_at": "2026-11-24T09:30:01.900000Z",
    "progress": {"pages_total": 2, "pages_done": 2, "pages_failed": 0},
    "device": "cpu",
    "attempts": 1,
    "error": None,
    "outputs": {"json": f"/v1/jobs/{_JOB_ID}/files/result.json"},
    "links": {
        "self": f"/v1/jobs/{_JOB_ID}",
        "events": f"/v1/jobs/{_JOB_ID}/events",
        "result": f"/v1/jobs/{_JOB_ID}/result",
        "cancel": f"/v1/jobs/{_JOB_ID}/cancel",
    },
    "metadata": {"order": 7},
    "tag": "invoices",
    "idempotency_key": "order-7",
}
_KEY = {
    "id": "0f1e2d3c4b5a6978",
    "name": "nightly scans",
    "owner": "acme",
    "scopes": ["submit", "read"],
    "created_at": "2026-11-24T09:00:00Z",
    "expires_at": None,
    "requests_per_minute": 600,
    "pages_in_flight": None,
}
_PAGE = {
    "page": 1,
    "status": "succeeded",
    "width": 1240,
    "height": 1754,
    "result": {"rec_texts": ["Invoice 7"], "rec_scores": [0.998]},
    "original_polys": [[[118, 96], [402, 96], [402, 140], [118, 140]]],
    "files": {"json": f"/v1/jobs/{_JOB_ID}/files/00001.json"},
    "error": None,
    "timings_ms": {"total": 412.5},
}
_STUCK = {"code": "page_timeout", "message": "the page took longer than 120 s", "retryable": True}
_DELIVERY = {
    "id": f"evt_{_JOB_ID}",
    "job_id": _JOB_ID,
    "type": "job.succeeded",
    "url": "https://customer.example/hook",
    "state": "pending",
    "attempts": 1,
    "created_at": "2026-11-24T09:30:01.900000Z",
    "next_attempt_at": "2026-11-24T09:30:07Z",
    "log": [{"number": 1, "at": "2026-11-24T09:30:02Z", "status": 503, "error": ""}],
}
# Any: values of JSON.
EXAMPLES: dict[str, Any] = {
    "Job": _JOB,
    "JobList": {"jobs": [_JOB], "next_cursor": _JOB_ID},
    "Batch": {
        "id": _JOB_ID,
        "jobs_total": 3,
        "is_finished": False,
        "counts": {"queued": 1, "running": 1, "succeeded": 1, "partial": 0, "failed": 0, "cancelled": 0, "expired": 0},
        "links": {"self": f"/v1/batches/{_JOB_ID}", "jobs": f"/v1/jobs?batch={_JOB_ID}"},
    },
    "Upload": {
        "upload_id": _JOB_ID,
        "method": "PUT",
        "url": f"/v1/uploads/{_JOB_ID}",
        "headers": {},
        "expires_at": "2026-11-24T10:30:00Z",
    },
    "PageResult": _PAGE,
    "DocumentResult": {
        "schema_version": "1.0",
        "job_id": _JOB_ID,
        "source": {"filename": "scan.pdf", "media_type": "application/pdf", "sha256": "9f" * 32, "size_bytes": 48213},
        "status": "succeeded",
        "pages": [_PAGE],
        "engine": {
            "profile": "default",
            "models": {"text_recognition": "PP-OCRv6_small_rec@" + "0a" * 32},
            "runtime": "openvino",
            "device": "cpu",
        },
        "timings_ms": {"total": 1760.0},
    },
    "DeadLetter": {"job": _JOB | {"status": "partial"}, "pages": {"2": _STUCK}},
    "DeadLetters": {"dead_letters": [_JOB | {"status": "failed", "error": _STUCK, "outputs": {}}]},
    "DeliveryRecord": _DELIVERY,
    "Deliveries": {"deliveries": [_DELIVERY]},
    "ScaleDecision": {
        "kind": "cpu",
        "waiting_pages": 12,
        "running_pages": 4,
        "seconds_of_work": 6.7,
        "desired_workers": 1,
    },
    "FleetView": {
        "kinds": [
            {
                "kind": "cpu",
                "waiting_pages": 12,
                "running_pages": 4,
                "oldest_waiting_s": 1.5,
                "pages_per_second": 2.4,
                "workers": 1,
                "desired_workers": 1,
                "by_priority": {"high": 0, "normal": 12, "low": 0},
            }
        ],
        "workers": [],
        "pages_per_second": 2.4,
        "throughput": [{"at": "2026-11-24T09:30:00Z", "pages": 144}],
    },
    "ApiKey": _KEY,
    "KeyList": {"keys": [_KEY]},
    "CreatedKey": {"key": "ocrf_0f1e2d3c4b5a6978_" + "x" * 43, "api_key": _KEY},
    "KeyRequest": {"name": "nightly scans", "owner": "acme", "requests_per_minute": 600},
}
