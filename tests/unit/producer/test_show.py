"""What commands print of jobs, a line each."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from producer.commands.show import show
from producer.contract.jobs import Job, JobState, Links, Progress

LINKS = Links(self="/", events="/", result="/", cancel="/")
JOB = Job(id="0" * 32, status=JobState.PARTIAL, created_at=datetime(2026, 11, 28, tzinfo=UTC), links=LINKS)


@pytest.mark.parametrize(
    ("done", "failed", "shown"), [(1, 0, "pages 1/2"), (0, 1, "pages 0/2 (1 failed)"), (1, 1, "pages 1/2 (1 failed)")]
)
def test_pages_that_failed_are_not_done(done: int, failed: int, shown: str, capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress(pages_total=2, pages_done=done, pages_failed=failed)
    show([JOB.model_copy(update={"progress": progress})], as_json=False)
    assert f"  {shown}  2026-11-28" in capsys.readouterr().out
