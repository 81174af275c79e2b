"""How long modules may be."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINES_MAX = 400


@pytest.mark.parametrize("folder", ["producer", "ocr_engine", "workers", "benchmarks", "tests"])
def test_no_module_is_longer_than_the_house_allows(folder: str) -> None:
    lines = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in (ROOT / folder).rglob("*.py")}
    assert {str(path.relative_to(ROOT)): count for path, count in lines.items() if count > LINES_MAX} == {}
