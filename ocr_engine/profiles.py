"""Which numbers a contract stands for, and the settings of one page once every default is known."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Literal, TypeVar

from ocr_engine.modules.detection import DetectionSettings
from ocr_engine.options import DEFAULT_PROFILE, EngineOptions, PredictOptions

_T = TypeVar("_T")
# See docs/performance.md: the smallest effort that loses nothing against reading every line at its natural width.
_DEFAULT_EFFORT = 0.5


@dataclass(frozen=True, kw_only=True, slots=True)
class PageSettings:
    """Everything the pipeline must know to read one page. `rec_score_thresh` is 0..1.

    `use_doc_preprocessor`: the result speaks of orientation and unwarping, even when it did neither.
    """

    use_doc_preprocessor: bool
    use_doc_orientation: bool
    use_doc_unwarping: bool
    use_textline_orientation: bool
    return_word_box: bool
    detection: DetectionSettings
    rec_score_thresh: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Profile:
    """The defaults of one contract.

    `text_detection`, `text_recognition`, `textline_orientation`: its models when nothing chooses others.
    `quick_detection`: what looks at a page first, and alone where it is sure; None: nothing does.
    `languages`: whose table `lang` and `ocr_version` are looked up in. "3.7": that of the current release. "packaged":
    the same, with the small pair of PP-OCRv6 where it has the medium one. "3.0": that of the seed's release.

    `preprocessor`: what one switch of orientation and unwarping does to the other. "separate": nothing. "joined", 3.7:
    Python's `or` joins them, so unwarping=False alone turns orientation off too, while orientation=False alone leaves
    unwarping on. "always", 3.0: joined in a call only; an engine always reports its preprocessor.
    """

    page: PageSettings
    text_detection: str
    text_recognition: str
    textline_orientation: str = "PP-LCNet_x1_0_textline_ori"
    quick_detection: str | None = None
    languages: Literal["packaged", "3.7", "3.0"] = "3.7"
    preprocessor: Literal["separate", "joined", "always"]
    # True: the reference's float32 and its padded batches of lines. False: the fastest way whose accuracy holds.
    exact: bool = True
    recognition_batch_size: int = 6
    orientation_batch_size: int = 6
    # A fault of PaddleX 3.7.2, measured: a whole batch of lines takes the class of its first.
    first_line_decides: bool = False


_DETECTION_37 = DetectionSettings(
    limit_side_len=64, limit_type="min", thresh=0.3, max_side_limit=4000, box_thresh=0.6, unclip_ratio=1.5
)
_PAGE_37 = PageSettings(
    use_doc_preprocessor=True,
    use_doc_orientation=True,
    use_doc_unwarping=True,
    use_textline_orientation=True,
    return_word_box=False,
    detection=_DETECTION_37,
    rec_score_thresh=0.0,
)
_PAGE_30 = replace(_PAGE_37, detection=replace(_DETECTION_37, limit_side_len=736))
# Flat pages stay as they are, because unwarping bends them. A page over 1600 pixels costs twice as much to search and
# reads no better, unless its text is small; a short side under 736 is too small for small print. The thresholds are
# near those of the PP-OCRv6 files (0.2, 0.45, 1.4), see docs/performance.md. What reads under 0.6 is noise more often
# than text.
_PAGE_OURS = replace(
    _PAGE_37,
    use_doc_unwarping=False,
    detection=DetectionSettings(
        limit_side_len=736,
        limit_type="min",
        thresh=0.25,
        max_side_limit=1600,
        finer_side_limit=4000,
        long_pages=True,
        box_thresh=0.45,
        unclip_ratio=1.35,
    ),
    rec_score_thresh=0.6,
)

PROFILES = {
    DEFAULT_PROFILE: Profile(
        page=_PAGE_OURS,
        exact=False,
        text_detection="PP-OCRv6_small_det",
        text_recognition="PP-OCRv6_small_rec",
        quick_detection="PP-OCRv6_tiny_det",
        languages="packaged",
        preprocessor="separate",
    ),
    "paddleocr-3.7": Profile(
        page=_PAGE_37,
        text_detection="PP-OCRv6_medium_det",
        text_recognition="PP-OCRv6_medium_rec",
        preprocessor="joined",
        first_line_decides=True,
    ),
    "paddleocr-3.0": Profile(
        page=_PAGE_30,
        text_detection="PP-OCRv5_mobile_det",
        text_recognition="PP-OCRv5_mobile_rec",
        textline_orientation="PP-LCNet_x0_25_textline_ori",
        languages="3.0",
        preprocessor="always",
    ),
}


def profile_of(options: EngineOptions) -> Profile:
    """The profile that an engine's options name."""
    return PROFILES[options.profile or DEFAULT_PROFILE]


def effort_of(options: EngineOptions) -> float:
    """The effort that is asked for, else the default's."""
    return _DEFAULT_EFFORT if options.effort is None else options.effort


def settings_for(engine: EngineOptions, call: PredictOptions) -> PageSettings:
    """What holds for one call: its own option, else the engine's, else the profile's."""
    page = profile_of(engine).page
    detection = page.detection
    preprocessor, orientation, unwarping = _preprocessing(engine, call)
    limits = (call.text_det_max_side_limit, engine.text_det_max_side_limit)
    return PageSettings(
        use_doc_preprocessor=preprocessor,
        use_doc_orientation=orientation,
        use_doc_unwarping=unwarping,
        use_textline_orientation=_first(
            call.use_textline_orientation, engine.use_textline_orientation, page.use_textline_orientation
        ),
        return_word_box=_first(call.return_word_box, engine.return_word_box, page.return_word_box),
        detection=DetectionSettings(
            limit_side_len=_first(
                call.text_det_limit_side_len, engine.text_det_limit_side_len, detection.limit_side_len
            ),
            limit_type=_first(call.text_det_limit_type, engine.text_det_limit_type, detection.limit_type),
            thresh=_first(call.text_det_thresh, engine.text_det_thresh, detection.thresh),
            max_side_limit=_first(
                call.text_det_max_side_limit, engine.text_det_max_side_limit, detection.max_side_limit
            ),
            box_thresh=_first(call.text_det_box_thresh, engine.text_det_box_thresh, detection.box_thresh),
            unclip_ratio=_first(call.text_det_unclip_ratio, engine.text_det_unclip_ratio, detection.unclip_ratio),
            # Whoever says how large a page may be has it searched once.
            finer_side_limit=detection.finer_side_limit if limits == (None, None) else 0,
            long_pages=detection.long_pages and limits == (None, None),
            input_shape=tuple(engine.text_det_input_shape) if engine.text_det_input_shape else None,
        ),
        rec_score_thresh=_first(call.text_rec_score_thresh, engine.text_rec_score_thresh, page.rec_score_thresh),
    )


def resolved_options(engine: EngineOptions) -> dict[str, object]:
    """Every option of an engine by name, those that its profile decides with the values they have."""
    profile = profile_of(engine)
    page = settings_for(engine, PredictOptions())
    given = {field.name: getattr(engine, field.name) for field in fields(engine)}
    batch_sizes = {
        "textline_orientation_batch_size": profile.orientation_batch_size,
        "text_recognition_batch_size": profile.recognition_batch_size,
    }
    decided = {
        "use_doc_orientation_classify": page.use_doc_orientation,
        "use_doc_unwarping": page.use_doc_unwarping,
        "use_textline_orientation": page.use_textline_orientation,
        "return_word_box": page.return_word_box,
        "text_det_limit_side_len": page.detection.limit_side_len,
        "text_det_limit_type": page.detection.limit_type,
        # One that follows the page is no number, and a number is taken as it is said.
        "text_det_max_side_limit": None if page.detection.long_pages else page.detection.max_side_limit,
        "text_det_thresh": page.detection.thresh,
        "text_det_box_thresh": page.detection.box_thresh,
        "text_det_unclip_ratio": page.detection.unclip_ratio,
        "text_rec_score_thresh": page.rec_score_thresh,
    }
    return given | decided | {name: _first(given[name], None, size) for name, size in batch_sizes.items()}


def _preprocessing(engine: EngineOptions, call: PredictOptions) -> tuple[bool, bool, bool]:
    """Whether the page is preprocessed at all, turned, and flattened."""
    profile = profile_of(engine)
    asked = (call.use_doc_orientation_classify, call.use_doc_unwarping)
    built = (engine.use_doc_orientation_classify, engine.use_doc_unwarping)
    orientation = _first(asked[0], built[0], profile.page.use_doc_orientation)
    unwarping = _first(asked[1], built[1], profile.page.use_doc_unwarping)
    if profile.preprocessor == "separate":
        used = orientation or unwarping
    elif asked != (None, None):
        used = True in asked
    elif profile.preprocessor == "always":
        used = True
    else:
        either = built[0] or built[1]
        used = True if either is None else either
    return used, used and orientation, used and unwarping


def _first(call: _T | None, engine: _T | None, default: _T) -> _T:
    """The first that is not None. 0 and False are values."""
    if call is not None:
        return call
    return default if engine is None else engine
