"""What the package promises to export."""

from __future__ import annotations

import subprocess
import sys

import ocr_engine


def test_the_public_names_are_sorted_and_exist() -> None:
    assert ocr_engine.__all__ == sorted(ocr_engine.__all__)
    assert all(hasattr(ocr_engine, name) for name in ocr_engine.__all__)


def test_every_class_imported_into_the_package_is_exported() -> None:
    classes = {name for name, value in vars(ocr_engine).items() if isinstance(value, type)}
    assert classes <= set(ocr_engine.__all__)


def test_the_engine_does_not_load_the_queue_side() -> None:
    script = (
        "import sys, ocr_engine.cli; "
        "sys.exit(any(m.split('.')[0] in {'producer', 'workers', 'redis', 'celery', 'boto3'} for m in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
