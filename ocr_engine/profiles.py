"""Which numbers a contract stands for, and the settings of one page once every default is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeVar

from ocr_engine.modules.detection import DetectionSettings
from ocr_engine.options import DEFAULT_PROFILE, EngineOptions, PredictOptions

_T = TypeVar("_T")


@dataclass(frozen=True, kw_only=True, slots=True)
class PageSettings:
    """Everything the pipeline must know to read one page. `rec_score_thresh` is 0..1."""

    use_doc_orientation: bool
    detection: DetectionSettings
    rec_score_thresh: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Profile:
    """The defaults of one contract."""

    page: PageSettings
    recognition_batch_size: int


PROFILES = {
    DEFAULT_PROFILE: Profile(
        page=PageSettings(
            use_doc_orientation=True,
            detection=DetectionSettings(
                limit_side_len=64,
                limit_type="min",
                thresh=0.3,
                max_side_limit=4000,
                box_thresh=0.6,
                unclip_ratio=1.5,
            ),
            rec_score_thresh=0.0,
        ),
        recognition_batch_size=6,
    ),
}


def profile_of(options: EngineOptions) -> Profile:
    """The profile that an engine's options name."""
    return PROFILES[options.profile or DEFAULT_PROFILE]


def settings_for(engine: EngineOptions, call: PredictOptions) -> PageSettings:
    """What holds for one call: its own option, else the engine's, else the profile's."""
    page = profile_of(engine).page
    detection = page.detection
    limit_type: Literal["min", "max"] = (
        "max" if _first(call.text_det_limit_type, engine.text_det_limit_type, detection.limit_type) == "max" else "min"
    )
    return PageSettings(
        use_doc_orientation=_first(
            call.use_doc_orientation_classify, engine.use_doc_orientation_classify, page.use_doc_orientation
        ),
        detection=DetectionSettings(
            limit_side_len=_first(
                call.text_det_limit_side_len, engine.text_det_limit_side_len, detection.limit_side_len
            ),
            limit_type=limit_type,
            thresh=_first(call.text_det_thresh, engine.text_det_thresh, detection.thresh),
            max_side_limit=_first(
                call.text_det_max_side_limit, engine.text_det_max_side_limit, detection.max_side_limit
            ),
            box_thresh=_first(call.text_det_box_thresh, engine.text_det_box_thresh, detection.box_thresh),
            unclip_ratio=_first(call.text_det_unclip_ratio, engine.text_det_unclip_ratio, detection.unclip_ratio),
        ),
        rec_score_thresh=_first(call.text_rec_score_thresh, engine.text_rec_score_thresh, page.rec_score_thresh),
    )


def _first(call: _T | None, engine: _T | None, default: _T) -> _T:
    """The first that is not None. 0 and False are values."""
    if call is not None:
        return call
    return default if engine is None else engine
