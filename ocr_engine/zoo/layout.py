"""A model folder as PaddleX reads it: the weights under their official name, and an `inference.yml` beside them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import yaml

from ocr_engine.errors import InvalidRequest, ModelUnavailable
from ocr_engine.zoo.files import CONFIG_FILE, MODEL_FILES, PARAMS_FILE, ModelFiles
from ocr_engine.zoo.registry import Module

_MEAN, _STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


def paddlex_folder(files: ModelFiles, parent: Path) -> Path:
    """The model's own folder when PaddleX can read it, else `parent/{name}` with links to the weights.

    A package that carries the weights alone gets the description that their publisher gives such a model.
    Safe to repeat. Raises: InvalidRequest: PaddleX has no such model; ModelUnavailable: its dictionary is not here.
    """
    weights = {MODEL_FILES[files.format]: files.model}
    if files.params is not None:
        weights[PARAMS_FILE] = files.params
    config = files.directory / CONFIG_FILE
    if config.is_file() and all(path.name == name for name, path in weights.items()):
        return files.directory
    description = None if config.is_file() else describe(files)
    folder = parent / files.name
    folder.mkdir(parents=True, exist_ok=True)
    for name, path in weights.items():
        _link(folder / name, path)
    if description is None:
        _link(folder / CONFIG_FILE, config)
    else:
        text = yaml.safe_dump(description, allow_unicode=True, sort_keys=False)
        (folder / CONFIG_FILE).write_text(text, encoding="utf-8")
    return folder


def describe(files: ModelFiles) -> Mapping[str, object]:
    """What the official `inference.yml` of such a model says, as far as PaddleX reads it.

    Raises: InvalidRequest: PaddleX has no such model; ModelUnavailable: a recogniser without its dictionary.
    """
    if files.variant or (files.module is Module.TEXTLINE_ORIENTATION and not files.name.startswith("PP-LCNet")):
        raise InvalidRequest(
            f"engine='paddlex' cannot run the {files.name} of {files.where}; name another model, or a folder with the "
            "official one"
        )
    steps, post = _SECTIONS[files.module](files)
    return {
        "Global": {"model_name": files.name},
        "PreProcess": {"transform_ops": steps},
        "PostProcess": post,
    }


def _link(link: Path, target: Path) -> None:
    link.unlink(missing_ok=True)
    link.symlink_to(target.resolve())


def _orientation(_files: ModelFiles) -> tuple[list[object], Mapping[str, object]]:
    steps = [{"ResizeImage": {"resize_short": 256}}, {"CropImage": {"size": 224}}, *_normalised("")]
    return steps, {"Topk": {"topk": 1, "label_list": ["0", "90", "180", "270"]}}


def _unwarping(_files: ModelFiles) -> tuple[list[object], Mapping[str, object]]:
    return [], {}


def _line_orientation(_files: ModelFiles) -> tuple[list[object], Mapping[str, object]]:
    steps = [{"ResizeImage": {"size": [160, 80]}}, *_normalised("")]
    return steps, {"Topk": {"topk": 1, "label_list": ["0_degree", "180_degree"]}}


def _detection(files: ModelFiles) -> tuple[list[object], Mapping[str, object]]:
    steps = [
        {"DecodeImage": {"channel_first": False, "img_mode": "BGR"}},
        {"DetLabelEncode": None},
        {"DetResizeForTest": None},
        *_normalised("hwc"),
        {"KeepKeys": {"keep_keys": ["image", "shape", "polys", "ignore_tags"]}},
    ]
    # The pipeline overrides the thresholds; the number of candidates is the model's own.
    thresholds = {"thresh": 0.3, "box_thresh": 0.6, "unclip_ratio": 1.5}
    return steps, {"name": "DBPostProcess", "max_candidates": files.max_candidates, **thresholds}


def _recognition(files: ModelFiles) -> tuple[list[object], Mapping[str, object]]:
    if files.config.characters is None:
        raise ModelUnavailable(
            f"engine='paddlex' needs the dictionary of {files.name} in an inference.yml, and {files.where} has none; "
            "name a folder with the official model"
        )
    steps = [
        {"DecodeImage": {"channel_first": False, "img_mode": "BGR"}},
        {"MultiLabelEncode": {"gtc_encode": "NRTRLabelEncode"}},
        {"RecResizeImg": {"image_shape": [3, 48, 320]}},
        {"KeepKeys": {"keep_keys": ["image", "label_ctc", "label_gtc", "length", "valid_ratio"]}},
    ]
    return steps, {"name": "CTCLabelDecode", "character_dict": list(files.config.characters)}


def _normalised(order: str) -> list[object]:
    return [{"NormalizeImage": {"mean": _MEAN, "std": _STD, "scale": 1 / 255, "order": order}}, {"ToCHWImage": None}]


_SECTIONS = {
    Module.DOC_ORIENTATION: _orientation,
    Module.DOC_UNWARPING: _unwarping,
    Module.TEXT_DETECTION: _detection,
    Module.TEXTLINE_ORIENTATION: _line_orientation,
    Module.TEXT_RECOGNITION: _recognition,
}
