"""The Celery application, as a worker's process imports it."""

from __future__ import annotations

import subprocess
import sys

# As root with Celery's own check, wherever the tests run.
AS_ROOT = """
import os, warnings
os.environ.pop("C_FORCE_ROOT", None)
os.environ.update(OCRFLEET_REDIS_URL="redis://127.0.0.1:1", OCRFLEET_STORE_URL="memory://x")
os.getuid = os.geteuid = lambda: 0
from celery.platforms import SecurityWarning, check_privileges
from workers.app import app
"""


def as_root(then: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", AS_ROOT + then], capture_output=True, text=True, check=False)


def test_celery_does_not_warn_of_root_because_no_message_can_run_code() -> None:
    done = as_root("check_privileges(app.conf.accept_content)")
    assert (done.returncode, done.stderr) == (0, "")


def test_root_is_refused_where_pickle_is_accepted() -> None:
    done = as_root("check_privileges([*app.conf.accept_content, 'pickle'])")
    assert done.returncode != 0
    assert "pickle" in done.stderr


def test_other_warnings_of_security_are_heard() -> None:
    assert "another one" in as_root("warnings.warn(SecurityWarning('another one'))").stderr
