"""The 112 language codes, each with every generation of models."""

from __future__ import annotations

import pytest

from ocr_engine import InvalidRequest
from ocr_engine.zoo.languages import OCR_VERSIONS, languages, models_for
from ocr_engine.zoo.registry import registry

V6 = "PP-OCRv6_medium_rec"
V5 = "PP-OCRv5_server_rec"
LATIN = (
    "af az bs ca cs cy da de es et eu fi fr french ga german gl hr hu id is it ku la lb lt lv mi ms mt nl no oc pl pt "
    "qu rm ro rs_latin sk sl sq sv sw tl tr uz vi"
)
CYRILLIC = (
    "abq ady ava ba bg bua che cv dar inh kaa kbd kk kv ky lbe lez mhr mk mn mo os rs_cyrillic sah tab tg tt tyv "
    "udm xal"
)

# Codes, then the recogniser for no version, v6, v5, v4, v3; None: an error. The reference's table, row by row.
TABLE: list[tuple[str, str, str | None, str | None, str | None, str | None]] = [
    ("ch", V6, V6, V5, "PP-OCRv4_mobile_rec", "PP-OCRv3_mobile_rec"),
    ("chinese_cht", V6, V6, V5, None, "chinese_cht_PP-OCRv3_mobile_rec"),
    ("en", V6, V6, "en_PP-OCRv5_mobile_rec", "en_PP-OCRv4_mobile_rec", "en_PP-OCRv3_mobile_rec"),
    ("japan", V6, V6, V5, None, "japan_PP-OCRv3_mobile_rec"),
    ("korean", "korean_PP-OCRv5_mobile_rec", None, "korean_PP-OCRv5_mobile_rec", None, "korean_PP-OCRv3_mobile_rec"),
    ("th", "th_PP-OCRv5_mobile_rec", None, "th_PP-OCRv5_mobile_rec", None, None),
    ("el", "el_PP-OCRv5_mobile_rec", None, "el_PP-OCRv5_mobile_rec", None, None),
    ("te", "te_PP-OCRv5_mobile_rec", None, "te_PP-OCRv5_mobile_rec", None, "te_PP-OCRv3_mobile_rec"),
    ("ta", "ta_PP-OCRv5_mobile_rec", None, "ta_PP-OCRv5_mobile_rec", None, "ta_PP-OCRv3_mobile_rec"),
    ("ka", "ka_PP-OCRv3_mobile_rec", None, None, None, "ka_PP-OCRv3_mobile_rec"),
    (LATIN, V6, V6, "latin_PP-OCRv5_mobile_rec", None, "latin_PP-OCRv3_mobile_rec"),
    ("pi", "latin_PP-OCRv5_mobile_rec", None, "latin_PP-OCRv5_mobile_rec", None, "latin_PP-OCRv3_mobile_rec"),
    (
        "ar bal fa ps sd ug ur",
        "arabic_PP-OCRv5_mobile_rec",
        None,
        "arabic_PP-OCRv5_mobile_rec",
        None,
        "arabic_PP-OCRv3_mobile_rec",
    ),
    (
        "be ru uk",
        "eslav_PP-OCRv5_mobile_rec",
        None,
        "eslav_PP-OCRv5_mobile_rec",
        None,
        "cyrillic_PP-OCRv3_mobile_rec",
    ),
    (
        CYRILLIC,
        "cyrillic_PP-OCRv5_mobile_rec",
        None,
        "cyrillic_PP-OCRv5_mobile_rec",
        None,
        "cyrillic_PP-OCRv3_mobile_rec",
    ),
    (
        "ang bgc bh bho gom hi mah mai mr ne new sa sck",
        "devanagari_PP-OCRv5_mobile_rec",
        None,
        "devanagari_PP-OCRv5_mobile_rec",
        None,
        "devanagari_PP-OCRv3_mobile_rec",
    ),
]
VERSIONS = (None, "PP-OCRv6", "PP-OCRv5", "PP-OCRv4", "PP-OCRv3")
DETECTORS = {
    "v6": "PP-OCRv6_medium_det",
    "v5": "PP-OCRv5_server_det",
    "v4": "PP-OCRv4_mobile_det",
    "v3": "PP-OCRv3_mobile_det",
}
CASES = [
    (code, version, recogniser)
    for codes, *row in TABLE
    for code in codes.split()
    for version, recogniser in zip(VERSIONS, row, strict=True)
]


def test_the_table_has_every_code_and_every_version() -> None:
    assert len(CASES) == 112 * 5
    assert sorted({code for code, _, _ in CASES}) == list(languages())


@pytest.mark.parametrize(("code", "version", "recogniser"), CASES)
def test_a_code_and_a_version_give_the_models_of_the_reference(
    code: str, version: str | None, recogniser: str | None
) -> None:
    if recogniser is None:
        with pytest.raises(InvalidRequest, match=f"lang='{code}' and ocr_version='{version}'"):
            models_for(code, version)
        return
    pair = models_for(code, version)
    generation = recogniser.partition("PP-OCR")[2][:2]
    assert (pair.detection, pair.recognition) == (DETECTORS[generation], recogniser)


@pytest.mark.parametrize("version", VERSIONS)
def test_no_language_means_chinese(version: str | None) -> None:
    assert models_for(None, version) == models_for("ch", version)


@pytest.mark.parametrize("code", ["klingon", "", "CH", "rs", "@latin"])
def test_an_unknown_code_is_an_error(code: str) -> None:
    for version in VERSIONS:
        with pytest.raises(InvalidRequest, match="No models are available"):
            models_for(code, version)


def test_an_unknown_version_is_an_error_that_names_the_others() -> None:
    with pytest.raises(InvalidRequest, match=", ".join(OCR_VERSIONS)):
        models_for("ch", "PP-OCRv2")


def test_the_recogniser_that_a_code_is_given_says_that_it_reads_it() -> None:
    read = {model.name: model.languages for model in registry().models}
    for code, version, recogniser in CASES:
        if recogniser is not None:
            assert code in read[recogniser], (code, version)
