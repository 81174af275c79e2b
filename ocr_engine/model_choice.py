"""Which model serves each step of an engine: the one that is named, else that of the language, else the profile's."""

from __future__ import annotations

import warnings
from collections.abc import Mapping

from ocr_engine.errors import InvalidRequest
from ocr_engine.options import EngineOptions, PredictOptions
from ocr_engine.profiles import Profile, effort_of, profile_of, settings_for
from ocr_engine.zoo.languages import ModelPair, languages, models_for
from ocr_engine.zoo.registry import Model, Module, find

# Beside the names of the modules: what looks at a page first.
QUICK_DETECTION = "quick_text_detection"
_MEDIUM, _SMALL = "PP-OCRv6_medium_", "PP-OCRv6_small_"
_V5, _V6 = "PP-OCRv5", "PP-OCRv6"
# How far the caller of an engine is from where this module warns: _warn, _pair, choose, load, build, the caller.
_CALLER = 6


def choose_models(options: EngineOptions) -> dict[Module, Model]:
    """One model for every step, used or not.

    Warns when `lang` or `ocr_version` has no effect. Raises: InvalidRequest: no such model, or none for the language.
    """
    profile = profile_of(options)
    pair = _pair(options, profile)
    default = {
        Module.TEXT_DETECTION: pair.detection,
        Module.TEXTLINE_ORIENTATION: profile.textline_orientation,
        Module.TEXT_RECOGNITION: pair.recognition,
    }
    return {module: find(module, options.model_of(module)[0] or default.get(module)) for module in Module}


def used_models(options: EngineOptions, chosen: Mapping[Module, Model]) -> dict[str, Model]:
    """Those of the chosen models that an engine has a use for, and the quick detector, by step."""
    page, profile = settings_for(options, PredictOptions()), profile_of(options)
    used = {
        Module.DOC_ORIENTATION: page.use_doc_orientation,
        Module.DOC_UNWARPING: page.use_doc_unwarping,
        Module.TEXTLINE_ORIENTATION: page.use_textline_orientation,
        Module.TEXT_DETECTION: True,
        Module.TEXT_RECOGNITION: True,
    }
    models: dict[str, Model] = {module.value: chosen[module] for module, is_used in used.items() if is_used}
    # Nothing looks first where a detector is named, or every line is to be read once.
    is_own = options.model_of(Module.TEXT_DETECTION) == (None, None)
    is_own &= chosen[Module.TEXT_DETECTION].name == profile.text_detection
    if profile.quick_detection and is_own and effort_of(options) < 1.0:
        models[QUICK_DETECTION] = find(Module.TEXT_DETECTION, profile.quick_detection)
    return models


def _pair(options: EngineOptions, profile: Profile) -> ModelPair:
    """The detector and the recogniser, as far as they are not named."""
    own = ModelPair(detection=profile.text_detection, recognition=profile.text_recognition)
    if options.lang is None and options.ocr_version is None:
        return own
    if any((*options.model_of(Module.TEXT_DETECTION), *options.model_of(Module.TEXT_RECOGNITION))):
        _warn(
            "lang and ocr_version have no effect beside the name or the folder of a detection or recognition model; "
            "name both models, or neither"
        )
        return own
    if profile.languages == "3.0" and options.ocr_version in (None, _V5):
        if options.lang is not None and options.lang not in languages():
            raise InvalidRequest(f"No models are available for lang={options.lang!r}: it is no code of PaddleOCR's")
        if options.lang not in (None, "ch"):
            _warn(
                f"profile='paddleocr-3.0' reads every language with {own.recognition}, as that release did; "
                f"lang={options.lang!r} has an effect with ocr_version='PP-OCRv3' or 'PP-OCRv4' only"
            )
        return own
    if profile.languages == "3.0" and options.ocr_version == _V6:
        raise InvalidRequest("ocr_version='PP-OCRv6' is younger than profile='paddleocr-3.0'; change one of the two")
    pair = models_for(options.lang, options.ocr_version)
    return _small(pair) if profile.languages == "packaged" else pair


def _small(pair: ModelPair) -> ModelPair:
    """The small pair of PP-OCRv6 in place of the medium one: it reads the same languages, and packages carry it."""
    return ModelPair(
        detection=pair.detection.replace(_MEDIUM, _SMALL), recognition=pair.recognition.replace(_MEDIUM, _SMALL)
    )


def _warn(text: str) -> None:
    warnings.warn(text, stacklevel=_CALLER)
