"""What importing a package brings with it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {"numpy", "cv2", "onnxruntime", "paddle", "paddlex", "pymupdf", "PIL", "openvino"}


def modules_after(statement: str) -> set[str]:
    code = f"import sys\n{statement}\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in done.stdout.split()}


@pytest.mark.parametrize(
    "statement",
    [
        "import producer",
        "import producer.cli",
        "import producer.api.app, producer.api.serve",
        "import workers.cli, workers.fleet.node, workers.fleet.supervisor",
        "import os; os.environ.update(OCRFLEET_REDIS_URL='redis://127.0.0.1:1', OCRFLEET_STORE_URL='memory://x')\n"
        "import workers.tasks, workers.lifecycle",
    ],
)
def test_nothing_but_a_device_child_loads_arrays_or_a_runtime(statement: str) -> None:
    assert not modules_after(statement) & HEAVY


def test_the_engine_knows_no_queue() -> None:
    assert not modules_after("import ocr_engine") & {"redis", "celery", "boto3", "producer", "workers", "fastapi"}


def test_an_engine_starts_without_what_it_does_not_need_to_read_a_picture() -> None:
    """Each costs a start 10 to 1,200 ms."""
    started = modules_after("from ocr_engine import OCREngine\nOCREngine(cpu_threads=1).warm_up()")
    # YAML is read: the quick detector's package carries its description.
    assert not started & {"PIL", "pymupdf", "httpx", "onnxruntime"}


def test_the_public_names_of_the_producer_are_sorted_and_there() -> None:
    import producer

    assert producer.__all__ == sorted(producer.__all__)
    assert all(hasattr(producer, name) for name in producer.__all__)


def test_the_import_contracts_hold() -> None:
    command = Path(sys.executable).with_name("lint-imports")  # also when the environment is not activated
    done = subprocess.run([command, "--no-cache"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
