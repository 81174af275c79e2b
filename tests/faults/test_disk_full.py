"""No room on the disk of the worker: work is put off, nothing half-written stays, and it goes on when there is room."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from producer.backends.objects import UNFINISHED
from producer.contract import names
from producer.contract.jobs import JobState
from tests.faults.bench import Bench, run_alone
from tests.faults.commands import READ
from tests.faults.engine import DIR_VARIABLE

PAGES = 6
# A process whose files cannot grow beyond a size: writes fail then as on a full disk, with EFBIG for ENOSPC.
LIMITED = """
import resource, sys
from tests.faults import bench

resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))
bench.main("cpu")
"""
# Pages have 1.5 kB or so here, and six of them in one result 9 kB.
SMALLER_THAN_A_PAGE, SMALLER_THAN_THE_RESULT = 1_000, 5_000


@pytest.mark.parametrize(("limit_bytes", "pages_stored"), [(SMALLER_THAN_A_PAGE, 0), (SMALLER_THAN_THE_RESULT, PAGES)])
def test_a_full_disk_puts_work_off_and_leaves_nothing_half_written(
    bench: Bench, redis_url: str, desk: Path, tmp_path: Path, limit_bytes: int, pages_stored: int
) -> None:
    """Row 24: at a page, and where the result is put together; no attempt is counted."""
    job_id = bench.submit(*[READ] * PAGES)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    environment = {
        "OCRFLEET_REDIS_URL": redis_url,
        "OCRFLEET_STORE_URL": (tmp_path / "objects").as_uri(),
        DIR_VARIABLE: str(desk),
        "TMPDIR": str(temporary),
    }
    done = run_alone([sys.executable, "-c", LIMITED, str(limit_bytes)], environment)
    assert done.returncode == 0, done.stderr
    job = bench.producer.status(job_id)
    assert (job.status, job.attempts) == (JobState.RUNNING, 1)
    assert len(list(bench.objects.keys(f"{names.job_prefix(job_id)}pages/"))) == pages_stored
    assert list((tmp_path / "objects").rglob(f"{UNFINISHED}*")) == []
    assert list(temporary.iterdir()) == []
    bench.finish()
    assert bench.producer.status(job_id).attempts == 1
    assert bench.violations() == []
