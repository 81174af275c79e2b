"""The two sides: a page file in, the `res` objects of its pages out. The only importer of paddleocr."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from ocr_engine.options import OptionValue

# Any: the reference's `res` object, as JSON holds it.
Res: TypeAlias = dict[str, Any]
Reader: TypeAlias = Callable[[Path], list[Res]]

REFERENCE, OURS, PADDLEX = "reference", "ours", "paddlex"


def open_reader(side: str, options: Mapping[str, OptionValue], *, profile: str) -> Reader:
    """`reference`: PaddleOCR; `ours`: OCREngine; `paddlex`: OCREngine with engine="paddlex". Raises: EngineError."""
    if side == REFERENCE:
        return _reference(options)
    if side == PADDLEX:
        engine = str(options["engine"])
        return _ours({**options, "engine": "paddlex", "engine_config": {"engine": engine}}, profile)
    return _ours(options, profile)


def _reference(options: Mapping[str, OptionValue]) -> Reader:
    # Read when the library is imported; without it, every start asks four hosts whether they are there.
    os.environ["PADDLE_PDX_DISABLE_MODEL_SOURCE_CHECK"] = "True"
    from paddleocr import PaddleOCR

    pipeline = PaddleOCR(**options)
    return lambda path: [result.json["res"] for result in pipeline.predict(str(path))]


def _ours(options: Mapping[str, OptionValue], profile: str) -> Reader:
    from ocr_engine import OCREngine

    engine = OCREngine(**options, profile=profile)
    return lambda path: [result.json["res"] for result in engine.predict_iter(path)]
