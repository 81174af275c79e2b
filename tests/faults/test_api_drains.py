"""An API that is asked to stop does so, whoever watches."""

from __future__ import annotations

from pathlib import Path

import httpx

from tests.faults.api_process import api_process

DRAINED_S = 5.0  # uvicorn waits 20 s for answers that do not end


def test_an_open_stream_of_events_does_not_hold_the_api(redis_url: str, tmp_path: Path) -> None:
    with (
        api_process(tmp_path, redis_url=redis_url, store_url=(tmp_path / "objects").as_uri()) as api,
        httpx.stream("GET", f"{api.url}/v1/events", timeout=DRAINED_S * 4, trust_env=False) as answer,
    ):
        lines = answer.iter_lines()
        assert next(lines) == "event: open"
        api.terminate()
        list(lines)  # ends
        api.wait_gone(timeout_s=DRAINED_S)
