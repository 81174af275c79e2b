"""The options of an engine and of one call, and the table that checks them and makes the command's flags."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeAlias

from ocr_engine.device import parse_device
from ocr_engine.errors import InvalidRequest
from ocr_engine.paddlex_config import options_in
from ocr_engine.runtimes.plan import ENGINES
from ocr_engine.zoo.languages import OCR_VERSIONS

OptionValue: TypeAlias = bool | int | float | str | Path | Sequence[int] | Mapping[str, object] | None

DEFAULT_PROFILE = "default"
PROFILE_NAMES = (DEFAULT_PROFILE, "paddleocr-3.7", "paddleocr-3.0")

# Other spellings that mean the same: those of the 3.0 documents ...
SPELLINGS = {
    "text_line_orientation_model_name": "textline_orientation_model_name",
    "text_line_orientation_model_dir": "textline_orientation_model_dir",
    "text_line_orientation_batch_size": "textline_orientation_batch_size",
    "use_text_line_orientation": "use_textline_orientation",
}
# ... and those of 2.x, which warn.
DEPRECATED = {
    "det_model_dir": "text_detection_model_dir",
    "det_limit_side_len": "text_det_limit_side_len",
    "det_limit_type": "text_det_limit_type",
    "det_db_thresh": "text_det_thresh",
    "det_db_box_thresh": "text_det_box_thresh",
    "det_db_unclip_ratio": "text_det_unclip_ratio",
    "rec_model_dir": "text_recognition_model_dir",
    "rec_batch_num": "text_recognition_batch_size",
    "use_angle_cls": "use_textline_orientation",
    "cls_model_dir": "textline_orientation_model_dir",
    "cls_batch_num": "textline_orientation_batch_size",
}

# The network halves its input five times.
_DETECTION_STRIDE_PX = 32
_COLOURS = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Parameter:
    """One option: what it takes and what it means. None is always accepted and means the default.

    `low`, `high`: inclusive range, of each number of a shape. `choices`: the only texts accepted. `per_call`: `predict`
    takes it too.
    """

    name: str
    kind: (
        type[bool]
        | type[int]
        | type[float]
        | type[str]
        | type[Path]
        | type[tuple[int, int, int]]
        | type[dict[str, object]]
    )
    help: str
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    per_call: bool = False

    def check(self, value: object) -> None:
        """Raises: InvalidRequest naming the option, what it was, and what it may be."""
        if value is None:
            return
        if not _is_of(value, self.kind):
            raise InvalidRequest(f"{self.name}={value!r} must be {_KIND_NAMES[self.kind]}")
        if self.choices and value not in self.choices:
            raise InvalidRequest(f"{self.name}={value!r} is not known; use {', '.join(self.choices)}")
        numbers = value if self.kind is tuple and isinstance(value, list | tuple) else (value,)
        if any(isinstance(one, int | float) and not _within(one, self.low, self.high) for one in numbers):
            raise InvalidRequest(f"{self.name}={value!r} must be {_range_name(self.low, self.high)}")


PARAMETERS = (
    Parameter(
        name="device",
        kind=str,
        help="Where the networks run: cpu, gpu:0, npu:0, ... Default: a GPU that can be used, else cpu.",
    ),
    Parameter(name="engine", kind=str, choices=tuple(ENGINES), help="What runs the networks. Default: by profile."),
    Parameter(name="engine_config", kind=dict, help="Options of the engine, flat or under its name."),
    Parameter(name="enable_hpi", kind=bool, help="Choose the fastest engine installed for the device."),
    Parameter(name="use_tensorrt", kind=bool, help="TensorRT, on a GPU."),
    Parameter(
        name="min_subgraph_size", kind=int, low=1, high=1000, help="Operators worth a TensorRT graph. Default: 3."
    ),
    Parameter(name="precision", kind=str, choices=("fp32", "fp16"), help="Arithmetic of a GPU or NPU. Default: fp32."),
    Parameter(name="enable_mkldnn", kind=bool, help="oneDNN, in engine=paddle on the CPU. Default: True."),
    Parameter(name="mkldnn_cache_capacity", kind=int, low=0, high=10_000, help="Shapes oneDNN keeps. Default: 10."),
    Parameter(name="enable_cinn", kind=bool, help="The CINN compiler, in engine=paddle on a GPU."),
    Parameter(name="cpu_threads", kind=int, low=1, high=1024, help="Threads of one engine. Default: the CPUs allowed."),
    Parameter(name="profile", kind=str, choices=PROFILE_NAMES, help="The contract whose defaults apply."),
    Parameter(name="lang", kind=str, help="Language of the documents: en, korean, ... (112 codes)."),
    Parameter(name="ocr_version", kind=str, choices=OCR_VERSIONS, help="Generation of the models."),
    Parameter(name="doc_orientation_classify_model_name", kind=str, help="Model of the page orientation."),
    Parameter(name="doc_orientation_classify_model_dir", kind=Path, help="Folder with its inference.onnx."),
    Parameter(name="doc_unwarping_model_name", kind=str, help="Model of the unwarping."),
    Parameter(name="doc_unwarping_model_dir", kind=Path, help="Folder with its inference.onnx, in either form."),
    Parameter(name="textline_orientation_model_name", kind=str, help="Model of the line orientation."),
    Parameter(name="textline_orientation_model_dir", kind=Path, help="Folder with its inference.onnx."),
    Parameter(name="textline_orientation_batch_size", kind=int, low=1, high=64, help="Lines turned together: 6."),
    Parameter(name="text_detection_model_name", kind=str, help="Model of the text detection."),
    Parameter(name="text_detection_model_dir", kind=Path, help="Folder with its inference.onnx."),
    Parameter(name="text_recognition_model_name", kind=str, help="Model of the text recognition."),
    Parameter(name="text_recognition_model_dir", kind=Path, help="Folder with its inference.onnx."),
    Parameter(
        name="model_cache_dir", kind=Path, help="Folder of downloaded models. Default: ~/.cache/ocrfleet/models."
    ),
    Parameter(
        name="model_source", kind=str, help="Host of the models that is tried first, a mirror's URL, or offline."
    ),
    Parameter(name="text_recognition_batch_size", kind=int, low=1, high=64, help="Lines read together. Default: 6."),
    Parameter(
        name="effort",
        kind=float,
        low=0,
        high=1,
        help="Speed against accuracy in profile=default: 0 the fastest, 1 the most accurate. Default: 0.5.",
    ),
    Parameter(
        name="use_doc_orientation_classify",
        kind=bool,
        per_call=True,
        help="Turn pages upright before reading them. Default: True.",
    ),
    Parameter(
        name="use_doc_unwarping",
        kind=bool,
        per_call=True,
        help="Flatten curved pages before reading them. Default: False; paddleocr-*: True.",
    ),
    Parameter(
        name="use_textline_orientation",
        kind=bool,
        per_call=True,
        help="Turn upside-down lines before reading them. Default: True.",
    ),
    Parameter(
        name="return_word_box",
        kind=bool,
        per_call=True,
        help="Report words and their boxes too. Default: False.",
    ),
    Parameter(
        name="text_det_limit_side_len",
        kind=int,
        low=1,
        high=32_767,
        per_call=True,
        help="Side length in pixels that text_det_limit_type speaks of. Default: 736; paddleocr-3.7: 64.",
    ),
    Parameter(
        name="text_det_limit_type",
        kind=str,
        choices=("min", "max", "resize_long"),
        per_call=True,
        help="min: enlarge a page whose short side is under the limit; max: shrink one whose long side is over it; "
        "resize_long: make the long side that long.",
    ),
    Parameter(
        name="text_det_thresh",
        kind=float,
        low=0,
        high=1,
        per_call=True,
        help="Probability over which a pixel is text. Default: 0.25; paddleocr-*: 0.3.",
    ),
    Parameter(
        name="text_det_box_thresh",
        kind=float,
        low=0,
        high=1,
        per_call=True,
        help="Mean probability under which a box is dropped. Default: 0.45; paddleocr-*: 0.6.",
    ),
    Parameter(
        name="text_det_unclip_ratio",
        kind=float,
        low=0.01,
        high=10,
        per_call=True,
        help="How far a box grows beyond the detected core. Default: 1.35; paddleocr-*: 1.5.",
    ),
    Parameter(
        name="text_det_max_side_limit",
        kind=int,
        low=32,
        high=32_767,
        per_call=True,
        help="Longest side in pixels that the detector is given. Default: by page, 1600 of most; paddleocr-*: 4000.",
    ),
    Parameter(
        name="text_det_input_shape",
        kind=tuple,
        low=1,
        high=8192,
        help="C H W: size in pixels that every page is given for the detector, in place of the limits.",
    ),
    Parameter(
        name="text_rec_input_shape",
        kind=tuple,
        low=1,
        high=3200,
        help="C H W: size in pixels that every line is given for the recogniser, in place of its own width.",
    ),
    Parameter(
        name="text_rec_score_thresh",
        kind=float,
        low=0,
        high=1,
        per_call=True,
        help="Score under which a line is left out. Default: 0.6; paddleocr-*: 0.",
    ),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class PredictOptions:
    """The options of one call. None: what the engine was built with. Checked when built; units are in PARAMETERS."""

    use_doc_orientation_classify: bool | None = None
    use_doc_unwarping: bool | None = None
    use_textline_orientation: bool | None = None
    return_word_box: bool | None = None
    text_det_limit_side_len: int | None = None
    text_det_limit_type: str | None = None
    text_det_thresh: float | None = None
    text_det_box_thresh: float | None = None
    text_det_unclip_ratio: float | None = None
    text_det_max_side_limit: int | None = None
    text_rec_score_thresh: float | None = None

    def __post_init__(self) -> None:
        _check_fields(self)

    @classmethod
    def parse(cls, values: Mapping[str, object]) -> Self:
        """Build from names and values. Raises: InvalidRequest: an unknown name or a value out of range."""
        return cls(**_known(cls, values))


@dataclass(frozen=True, kw_only=True, slots=True)
class EngineOptions(PredictOptions):
    """The options of an engine: those of a call as its defaults, and what is decided once when models load."""

    device: str | None = None
    engine: str | None = None
    engine_config: Mapping[str, object] | None = None
    enable_hpi: bool | None = None
    use_tensorrt: bool | None = None
    min_subgraph_size: int | None = None
    precision: str | None = None
    enable_mkldnn: bool | None = None
    mkldnn_cache_capacity: int | None = None
    enable_cinn: bool | None = None
    cpu_threads: int | None = None
    profile: str | None = None
    lang: str | None = None
    ocr_version: str | None = None
    doc_orientation_classify_model_name: str | None = None
    doc_orientation_classify_model_dir: str | Path | None = None
    doc_unwarping_model_name: str | None = None
    doc_unwarping_model_dir: str | Path | None = None
    textline_orientation_model_name: str | None = None
    textline_orientation_model_dir: str | Path | None = None
    textline_orientation_batch_size: int | None = None
    text_detection_model_name: str | None = None
    text_detection_model_dir: str | Path | None = None
    text_recognition_model_name: str | None = None
    text_recognition_model_dir: str | Path | None = None
    text_recognition_batch_size: int | None = None
    effort: float | None = None
    text_det_input_shape: Sequence[int] | None = None
    text_rec_input_shape: Sequence[int] | None = None
    model_cache_dir: str | Path | None = None
    model_source: str | None = None

    def __post_init__(self) -> None:
        _check_fields(self)
        parse_device(self.device)
        _check_shape("text_det_input_shape", self.text_det_input_shape, stride_px=_DETECTION_STRIDE_PX)
        _check_shape("text_rec_input_shape", self.text_rec_input_shape, stride_px=1)

    @classmethod
    def parse(cls, values: Mapping[str, object]) -> Self:
        """As in the base; `paddlex_config`, a pipeline's file or mapping, gives what is not given by name.

        Raises: InvalidRequest: as in the base, or something in the configuration that means nothing here.
        """
        named = {name: value for name, value in values.items() if name != "paddlex_config"}
        configured = options_in(values.get("paddlex_config"))
        return cls(**(_known(cls, configured) | _known(cls, named)))

    def model_of(self, module: str) -> tuple[str | None, Path | None]:
        """The model name and folder chosen for a module, by its name in the zoo; None: not chosen."""
        name, directory = {
            "doc_orientation": (self.doc_orientation_classify_model_name, self.doc_orientation_classify_model_dir),
            "doc_unwarping": (self.doc_unwarping_model_name, self.doc_unwarping_model_dir),
            "textline_orientation": (self.textline_orientation_model_name, self.textline_orientation_model_dir),
            "text_detection": (self.text_detection_model_name, self.text_detection_model_dir),
            "text_recognition": (self.text_recognition_model_name, self.text_recognition_model_dir),
        }[module]
        return name, Path(directory) if directory is not None else None


_KIND_NAMES = {
    bool: "True or False",
    int: "a whole number",
    float: "a number",
    str: "a text",
    Path: "a path",
    tuple: "three whole numbers: C, H, W",
    dict: "a mapping of names to values",
}
_BY_NAME = {parameter.name: parameter for parameter in PARAMETERS}


# Any: the values go to typed fields, each checked by the table when the dataclass is built.
def _known(cls: type[PredictOptions], values: Mapping[str, object]) -> dict[str, Any]:
    known = [field.name for field in dataclasses.fields(cls)]
    found: dict[str, Any] = {}
    for given, value in values.items():
        name = SPELLINGS.get(given) or DEPRECATED.get(given) or given
        if name not in known:
            raise InvalidRequest(f"unknown option {given!r}; known are {', '.join(known)}")
        if value is None:
            continue
        if name in found:
            raise InvalidRequest(f"{name} was given under two names, one of them {given!r}; give it once")
        found[name] = value
    for given, name in DEPRECATED.items():
        if values.get(given) is not None:
            warnings.warn(f"{given} is the 2.x name of {name}; use that", DeprecationWarning, stacklevel=4)
    return found


def _check_fields(options: PredictOptions) -> None:
    for field in dataclasses.fields(options):
        _BY_NAME[field.name].check(getattr(options, field.name))


def _check_shape(name: str, shape: Sequence[int] | None, *, stride_px: int) -> None:
    if shape is None:
        return
    channels, height, width = shape
    if channels != _COLOURS or height % stride_px or width % stride_px:
        step = f", both sides multiples of {stride_px}" if stride_px > 1 else ""
        raise InvalidRequest(f"{name}={tuple(shape)} must be (3, height, width) in pixels{step}")


def _is_of(value: object, kind: type) -> bool:
    if kind is Path:
        return isinstance(value, str | Path)
    if kind is tuple:
        return isinstance(value, list | tuple) and len(value) == 3 and all(_is_of(one, int) for one in value)
    if kind is dict:
        return isinstance(value, Mapping)
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, kind)


def _within(value: float, low: float | None, high: float | None) -> bool:
    # Written so that NaN is outside.
    return (low is None or value >= low) and (high is None or value <= high)


def _range_name(low: float | None, high: float | None) -> str:
    return f"between {low} and {high}"
