"""PaddleX's pipeline configuration, `OCR.yaml`: read as options of an engine, and written from one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeAlias

from ocr_engine.errors import InvalidRequest

_Path: TypeAlias = tuple[str, ...]

_PIPELINE = "OCR"
_DOC = ("SubPipelines", "DocPreprocessor")
_DOC_MODULES = (*_DOC, "SubModules")
_DET = ("SubModules", "TextDetection")
_LINES = ("SubModules", "TextLineOrientation")
_REC = ("SubModules", "TextRecognition")

# Where each option stands.
_OPTIONS: Mapping[_Path, str] = {
    ("use_textline_orientation",): "use_textline_orientation",
    ("use_hpip",): "enable_hpi",
    ("engine",): "engine",
    ("engine_config",): "engine_config",
    (*_DOC, "use_doc_orientation_classify"): "use_doc_orientation_classify",
    (*_DOC, "use_doc_unwarping"): "use_doc_unwarping",
    (*_DOC_MODULES, "DocOrientationClassify", "model_name"): "doc_orientation_classify_model_name",
    (*_DOC_MODULES, "DocOrientationClassify", "model_dir"): "doc_orientation_classify_model_dir",
    (*_DOC_MODULES, "DocUnwarping", "model_name"): "doc_unwarping_model_name",
    (*_DOC_MODULES, "DocUnwarping", "model_dir"): "doc_unwarping_model_dir",
    (*_DET, "model_name"): "text_detection_model_name",
    (*_DET, "model_dir"): "text_detection_model_dir",
    (*_DET, "limit_side_len"): "text_det_limit_side_len",
    (*_DET, "limit_type"): "text_det_limit_type",
    (*_DET, "max_side_limit"): "text_det_max_side_limit",
    (*_DET, "thresh"): "text_det_thresh",
    (*_DET, "box_thresh"): "text_det_box_thresh",
    (*_DET, "unclip_ratio"): "text_det_unclip_ratio",
    (*_DET, "input_shape"): "text_det_input_shape",
    (*_LINES, "model_name"): "textline_orientation_model_name",
    (*_LINES, "model_dir"): "textline_orientation_model_dir",
    (*_LINES, "batch_size"): "textline_orientation_batch_size",
    (*_REC, "model_name"): "text_recognition_model_name",
    (*_REC, "model_dir"): "text_recognition_model_dir",
    (*_REC, "batch_size"): "text_recognition_batch_size",
    (*_REC, "score_thresh"): "text_rec_score_thresh",
    (*_REC, "return_word_box"): "return_word_box",
    (*_REC, "input_shape"): "text_rec_input_shape",
}
_PREPROCESSOR: _Path = ("use_doc_preprocessor",)
# What has one value here, and is accepted when it is that.
_FIXED: Mapping[_Path, object] = {
    ("pipeline_name",): _PIPELINE,
    ("text_type",): "general",
    ("batch_size",): 1,
    (*_DOC, "pipeline_name"): "doc_preprocessor",
    (*_DOC, "batch_size"): 1,
    (*_DOC_MODULES, "DocOrientationClassify", "module_name"): "doc_text_orientation",
    (*_DOC_MODULES, "DocOrientationClassify", "batch_size"): 1,
    (*_DOC_MODULES, "DocUnwarping", "module_name"): "image_unwarping",
    (*_DOC_MODULES, "DocUnwarping", "batch_size"): 1,
    (*_DET, "module_name"): "text_detection",
    (*_DET, "batch_size"): 1,
    (*_LINES, "module_name"): "textline_orientation",
    (*_REC, "module_name"): "text_recognition",
}


def options_in(config: object) -> dict[str, object]:
    """Option names and values of a configuration: a mapping, the path of a YAML file, or "OCR", the pipeline's own.

    Nothing in a file is run. Raises: InvalidRequest: it cannot be read, or has an entry that means nothing here.
    """
    if config is None or config == _PIPELINE:
        return {}
    options: dict[str, object] = {}
    entries = dict(_entries(_tree(config)))
    for path, value in entries.items():
        if path in _OPTIONS:
            options[_OPTIONS[path]] = value
        elif path in _FIXED:
            if value not in (None, _FIXED[path]):
                raise InvalidRequest(f"paddlex_config: {_name(path)} can only be {_FIXED[path]!r}, not {value!r}")
        elif path != _PREPROCESSOR:
            raise InvalidRequest(f"paddlex_config: {_name(path)} means nothing here; remove it")
    if entries.get(_PREPROCESSOR) is False:
        options |= {"use_doc_orientation_classify": False, "use_doc_unwarping": False}
    return options


def write_config(path: str | Path, options: Mapping[str, object]) -> None:
    """Write a configuration with these options as PaddleX reads it; None: left out. Raises: OSError."""
    import yaml

    tree: dict[str, object] = {}
    for place, value in _FIXED.items():
        if place[-1] != "batch_size":
            _put(tree, place, value)
    on = (options.get("use_doc_orientation_classify"), options.get("use_doc_unwarping"))
    _put(tree, _PREPROCESSOR, any(on))
    for place, name in _OPTIONS.items():
        value = options.get(name)
        if value is not None:
            _put(tree, place, _plain(value))
    Path(path).write_text(yaml.safe_dump(tree, allow_unicode=True, sort_keys=False), encoding="utf-8")


def _tree(config: object) -> Mapping[object, object]:
    if isinstance(config, str | Path):
        import yaml

        try:
            config = yaml.safe_load(Path(config).read_text(encoding="utf-8"))
        except OSError as error:
            raise InvalidRequest(f"paddlex_config: cannot read {config}: {error.strerror}") from error
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            reason = " ".join(str(error).split())
            raise InvalidRequest(f"paddlex_config: {config} is not YAML: {reason}") from error
    if not isinstance(config, Mapping):
        raise InvalidRequest("paddlex_config must be a mapping or the path of a YAML file that holds one")
    return config


def _entries(tree: Mapping[object, object], above: _Path = ()) -> Iterator[tuple[_Path, object]]:
    """The values with their places. A mapping is gone into where places lie below it, and is a value elsewhere."""
    for key, value in tree.items():
        path = (*above, str(key))
        goes_on = any(place[: len(path)] == path and len(place) > len(path) for place in (*_OPTIONS, *_FIXED))
        if goes_on and isinstance(value, Mapping):
            yield from _entries(value, path)
        elif not goes_on or value is not None:
            yield path, value


def _put(tree: dict[str, object], place: _Path, value: object) -> None:
    for key in place[:-1]:
        below = tree.setdefault(key, {})
        if isinstance(below, dict):
            tree = below
    tree[place[-1]] = value


def _plain(value: object) -> object:
    """Only what YAML has a form of its own for."""
    if isinstance(value, Path):
        return str(value)
    return list(value) if isinstance(value, tuple) else value


def _name(path: _Path) -> str:
    return ".".join(path)
