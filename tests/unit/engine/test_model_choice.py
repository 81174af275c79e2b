"""Which models an engine takes: by name, by language and generation, by profile."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest

from ocr_engine import InvalidRequest, ModelUnavailable, OCREngine
from ocr_engine.model_choice import choose_models
from ocr_engine.options import EngineOptions, OptionValue
from ocr_engine.zoo.languages import OCR_VERSIONS, languages, models_for
from ocr_engine.zoo.registry import Module

SMALL = ("PP-OCRv6_small_det", "PP-OCRv6_small_rec")
MEDIUM = ("PP-OCRv6_medium_det", "PP-OCRv6_medium_rec")
V5_MOBILE = ("PP-OCRv5_mobile_det", "PP-OCRv5_mobile_rec")


def pair(**options: OptionValue) -> tuple[str, str]:
    chosen = choose_models(EngineOptions.parse(options))
    return chosen[Module.TEXT_DETECTION].name, chosen[Module.TEXT_RECOGNITION].name


@pytest.mark.parametrize(
    ("profile", "expected", "lines"),
    [
        ("default", SMALL, "PP-LCNet_x1_0_textline_ori"),
        ("paddleocr-3.7", MEDIUM, "PP-LCNet_x1_0_textline_ori"),
        ("paddleocr-3.0", V5_MOBILE, "PP-LCNet_x0_25_textline_ori"),
    ],
)
def test_a_profile_has_the_models_of_its_contract(profile: str, expected: tuple[str, str], lines: str) -> None:
    assert pair(profile=profile) == expected
    chosen = choose_models(EngineOptions(profile=profile))
    assert chosen[Module.TEXTLINE_ORIENTATION].name == lines
    assert chosen[Module.DOC_ORIENTATION].name == "PP-LCNet_x1_0_doc_ori"
    assert chosen[Module.DOC_UNWARPING].name == "UVDoc"


def test_the_current_profile_reads_every_language_with_the_model_of_the_table() -> None:
    for lang in languages():
        table = models_for(lang)
        assert pair(profile="paddleocr-3.7", lang=lang) == (table.detection, table.recognition)


def test_the_default_profile_differs_from_the_table_by_the_small_pair_alone() -> None:
    small = {"PP-OCRv6_medium_det": SMALL[0], "PP-OCRv6_medium_rec": SMALL[1]}
    for version in (None, *OCR_VERSIONS):
        for lang in ("ch", "en", "german", "korean", "ru", "ka"):
            try:
                table = models_for(lang, version)
            except InvalidRequest as error:
                with pytest.raises(InvalidRequest) as raised:
                    pair(lang=lang, ocr_version=version)
                assert raised.value.message == error.message
            else:
                expected = (table.detection, table.recognition)
                assert pair(lang=lang, ocr_version=version) == tuple(small.get(name, name) for name in expected)


def test_a_generation_alone_means_chinese_and_english() -> None:
    assert pair(ocr_version="PP-OCRv4") == ("PP-OCRv4_mobile_det", "PP-OCRv4_mobile_rec")


def test_the_profile_of_3_0_has_one_pair_of_v5_for_every_language_and_says_so() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert pair(profile="paddleocr-3.0", ocr_version="PP-OCRv5") == V5_MOBILE
    with pytest.warns(UserWarning, match="lang='korean' has an effect with ocr_version='PP-OCRv3'"):
        assert pair(profile="paddleocr-3.0", lang="korean") == V5_MOBILE
    older = pair(profile="paddleocr-3.0", lang="korean", ocr_version="PP-OCRv3")
    assert older == ("PP-OCRv3_mobile_det", "korean_PP-OCRv3_mobile_rec")
    with pytest.raises(InvalidRequest, match=r"younger than profile='paddleocr-3\.0'"):
        pair(profile="paddleocr-3.0", ocr_version="PP-OCRv6")
    with pytest.raises(InvalidRequest, match="lang='tlh'"):
        pair(profile="paddleocr-3.0", lang="tlh")


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        ({"text_detection_model_name": "PP-OCRv4_mobile_det"}, ("PP-OCRv4_mobile_det", MEDIUM[1])),
        ({"text_recognition_model_name": "PP-OCRv4_mobile_rec"}, (MEDIUM[0], "PP-OCRv4_mobile_rec")),
        ({"text_detection_model_dir": Path("mine")}, MEDIUM),
    ],
)
def test_beside_a_name_or_a_folder_the_language_is_ignored_with_a_warning(
    named: dict[str, OptionValue], expected: tuple[str, str]
) -> None:
    with pytest.warns(UserWarning, match="lang and ocr_version have no effect"):
        assert pair(profile="paddleocr-3.7", lang="korean", ocr_version="PP-OCRv3", **named) == expected
    assert pair(profile="paddleocr-3.7", **named) == expected


def test_a_language_that_a_generation_does_not_read_names_those_that_do() -> None:
    with pytest.raises(InvalidRequest, match="it is read by PP-OCRv3, PP-OCRv5"):
        pair(lang="korean", ocr_version="PP-OCRv6")
    with pytest.raises(InvalidRequest, match=r"No models are available for lang='tlh' .*codes are abq, "):
        pair(lang="tlh")


def test_the_warning_points_at_the_line_that_builds_the_engine() -> None:
    with pytest.warns(UserWarning) as caught, OCREngine(lang="korean", text_detection_model_name=SMALL[0]) as engine:
        assert engine.models["text_recognition"].startswith(SMALL[1])
    assert [warning.filename for warning in caught] == [__file__]


def test_models_that_cannot_be_had_are_all_named_with_what_to_pass_instead(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable) as raised:
        OCREngine(profile="paddleocr-3.7", model_cache_dir=tmp_path, model_source="offline")
    message = raised.value.message
    assert "PP-OCRv6_medium_det is not here" in message
    assert "PP-OCRv6_medium_rec is not here" in message
    assert "pass text_detection_model_name='PP-OCRv6_small_det'" in message
    assert "text_recognition_model_name='PP-OCRv6_small_rec'" in message


def test_what_it_says_to_pass_works(tmp_path: Path) -> None:
    offline: dict[str, OptionValue] = {"model_cache_dir": tmp_path, "model_source": "offline", "cpu_threads": 1}
    with pytest.raises(
        ModelUnavailable, match=r"textline_orientation_model_name='PP-LCNet_x1_0_textline_ori' or .*use_textline"
    ):
        OCREngine(profile="paddleocr-3.0", **offline)
    with OCREngine(
        profile="paddleocr-3.0", textline_orientation_model_name="PP-LCNet_x1_0_textline_ori", **offline
    ) as engine:
        assert [name.split("@")[0] for name in engine.models.values()][3:] == list(V5_MOBILE)


def test_a_language_that_nothing_here_reads_is_not_answered_with_a_model_that_reads_another(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="No other model that reads lang='korean' is on this machine"):
        OCREngine(lang="korean", model_cache_dir=tmp_path, model_source="offline")
