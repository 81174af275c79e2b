"""What is compared: which weights, which engine, which switches. Both sides take the same options."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.parity.weights import text_models, turning_models
from ocr_engine.options import OptionValue
from ocr_engine.zoo.registry import Format

_OFF: Mapping[str, OptionValue] = {
    "use_doc_orientation_classify": False,
    "use_doc_unwarping": False,
    "use_textline_orientation": False,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """One comparison. `engine`: the name that both sides know; `profile`: ours; `switches`: options of both sides."""

    name: str
    about: str
    models: Callable[[Path], dict[str, str]]
    engine: str = "onnxruntime"
    profile: str = "paddleocr-3.7"
    switches: Mapping[str, OptionValue]

    def options(self, folder: Path) -> dict[str, OptionValue]:
        """Everything but the profile; the models' folders are made in `folder`. Raises: ModelUnavailable."""
        return {"device": "cpu", "engine": self.engine, **self.switches, **self.models(folder)}


def _v6_small(folder: Path) -> dict[str, str]:
    return text_models("PP-OCRv6_small", Format.ONNX, folder)


def _v6_small_turned(folder: Path) -> dict[str, str]:
    return _v6_small(folder) | turning_models(folder)


def _v4_mobile(folder: Path) -> dict[str, str]:
    return text_models("PP-OCRv4_mobile", Format.PADDLE_LEGACY, folder)


CASES = (
    Case(name="plain", about="detection and recognition", models=_v6_small, switches=_OFF),
    Case(
        name="turned",
        about="page and line orientation, word boxes",
        models=_v6_small_turned,
        switches={"use_doc_unwarping": False, "use_doc_orientation_classify": True, "return_word_box": True},
    ),
    Case(
        name="enlarged",
        about="the 3.0 limit: short side at least 736",
        models=_v6_small,
        profile="paddleocr-3.0",
        switches={**_OFF, "text_det_limit_side_len": 736, "text_det_limit_type": "min"},
    ),
    Case(name="paddle", about="Paddle Inference, oneDNN", models=_v4_mobile, engine="paddle", switches=_OFF),
    Case(
        name="paddle-plain",
        about="Paddle Inference without oneDNN",
        models=_v4_mobile,
        engine="paddle",
        switches={**_OFF, "enable_mkldnn": False},
    ),
)


def case_named(name: str) -> Case:
    """Raises: KeyError with the names there are."""
    for case in CASES:
        if case.name == name:
            return case
    raise KeyError(f"no case is called {name!r}; choose one of {', '.join(case.name for case in CASES)}")
