"""Which models read which language: the reference's table of 112 codes, by generation of models."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from ocr_engine.errors import InvalidRequest
from ocr_engine.zoo.registry import registry

OCR_VERSIONS = ("PP-OCRv3", "PP-OCRv4", "PP-OCRv5", "PP-OCRv6")

# Codes that share a recogniser with no other, and the one Latin code that the v6 models do not read.
_OWN_V5 = frozenset({"en", "korean", "th", "el", "te", "ta"})
_OWN_V3 = frozenset({"en", "korean", "japan", "chinese_cht", "te", "ta", "ka"})
_MAIN = ("ch", "chinese_cht", "en", "japan")
_LATIN_NOT_V6 = "pi"


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelPair:
    """The detector and the recogniser of one language."""

    detection: str
    recognition: str


@cache
def languages() -> tuple[str, ...]:
    """All 112 codes, sorted."""
    groups = registry().language_groups.values()
    alone = {*_MAIN, *_OWN_V5, *_OWN_V3, _LATIN_NOT_V6}
    return tuple(sorted(alone.union(*groups)))


def models_for(lang: str | None = None, ocr_version: str | None = None) -> ModelPair:
    """The models of a language, of one generation or of the newest that reads it.

    `lang` None means Chinese and English ("ch"). Raises: InvalidRequest: no models are available for the two.
    """
    if ocr_version not in (None, *OCR_VERSIONS):
        raise InvalidRequest(f"ocr_version={ocr_version!r} must be one of {', '.join(OCR_VERSIONS)}")
    code = "ch" if lang is None else lang
    for version in reversed(OCR_VERSIONS) if ocr_version is None else (ocr_version,):
        # v4 is never chosen by itself: the two languages it reads have newer models.
        pair = _PAIRS[version](code)
        if pair is not None:
            return pair
    readers = [version for version in OCR_VERSIONS if _PAIRS[version](code) is not None]
    advice = f"it is read by {', '.join(readers)}" if readers else f"codes are {', '.join(languages())}"
    raise InvalidRequest(f"No models are available for lang={lang!r} and ocr_version={ocr_version!r}; {advice}")


def _v6(code: str) -> ModelPair | None:
    if code not in _MAIN and code not in _group("latin"):
        return None
    return ModelPair(detection="PP-OCRv6_medium_det", recognition="PP-OCRv6_medium_rec")


def _v5(code: str) -> ModelPair | None:
    prefix = code if code in _OWN_V5 else _script(code)
    if code in ("ch", "chinese_cht", "japan"):
        recognition = "PP-OCRv5_server_rec"
    elif prefix is None:
        return None
    else:
        recognition = f"{prefix}_PP-OCRv5_mobile_rec"
    return ModelPair(detection="PP-OCRv5_server_det", recognition=recognition)


def _v4(code: str) -> ModelPair | None:
    if code not in ("ch", "en"):
        return None
    prefix = "en_" if code == "en" else ""
    return ModelPair(detection="PP-OCRv4_mobile_det", recognition=f"{prefix}PP-OCRv4_mobile_rec")


def _v3(code: str) -> ModelPair | None:
    prefix = code if code in _OWN_V3 else _script(code)
    if prefix is None and code != "ch":
        return None
    # The third generation has one model for all Cyrillic scripts.
    name = "" if prefix is None else f"{'cyrillic' if prefix == 'eslav' else prefix}_"
    return ModelPair(detection="PP-OCRv3_mobile_det", recognition=f"{name}PP-OCRv3_mobile_rec")


_PAIRS = {"PP-OCRv3": _v3, "PP-OCRv4": _v4, "PP-OCRv5": _v5, "PP-OCRv6": _v6}


def _script(code: str) -> str | None:
    """The group of languages whose recogniser reads the code."""
    if code == _LATIN_NOT_V6:
        return "latin"
    return next((name for name, codes in registry().language_groups.items() if code in codes), None)


def _group(name: str) -> tuple[str, ...]:
    return registry().language_groups[name]
