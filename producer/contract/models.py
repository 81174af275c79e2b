"""Which models a job is to be read with."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints, model_validator

from producer.contract.strict import Strict, worded

# PaddleOCR's codes; which model reads which is the engine's to know, `ocr_engine/zoo/languages.py`.
_CODES = """
abq ady af ang ar ava az ba bal be bg bgc bh bho bs bua ca ch che chinese_cht cs cv cy da dar de el en es et eu fa fi fr
french ga german gl gom hi hr hu id inh is it japan ka kaa kbd kk korean ku kv ky la lb lbe lez lt lv mah mai mhr mi mk
mn mo mr ms mt ne new nl no oc os pi pl ps pt qu rm ro rs_cyrillic rs_latin ru sa sah sck sd sk sl sq sv sw ta tab te tg
th tl tr tt tyv udm ug uk ur uz vi xal
"""
LANGUAGES = frozenset(_CODES.split())


def _is_known(code: str) -> str:
    if code not in LANGUAGES:
        raise ValueError(f"{code!r} is no language code of PaddleOCR's; they are {', '.join(sorted(LANGUAGES))}")
    return code


ProfileName = Literal["default", "paddleocr-3.7", "paddleocr-3.0"]
Language = Annotated[str, AfterValidator(_is_known)]
ModelName = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,64}$"),
    worded("the name of a model has 1 to 64 letters, digits, or . - _"),
]


class ModelChoice(Strict):
    """What an engine is built with for a job; None leaves what the worker was set up with.

    A worker that has none like it loads one, and downloads models where it may. A model that cannot be had fails the
    job with `model_unavailable` after some tries, a name that means none with `invalid_request`.
    """

    model_config = ConfigDict(strict=True)

    profile: ProfileName | None = Field(None, description="Whose models, defaults and arithmetic")
    lang: Language | None = Field(None, description="Language of the document, a code of PaddleOCR's: en, korean, …")
    ocr_version: Literal["PP-OCRv3", "PP-OCRv4", "PP-OCRv5", "PP-OCRv6"] | None = Field(
        None, description="Generation of the models"
    )
    doc_orientation_classify_model_name: ModelName | None = Field(None, description="Model that turns pages")
    doc_unwarping_model_name: ModelName | None = Field(None, description="Model that flattens pages")
    textline_orientation_model_name: ModelName | None = Field(None, description="Model that turns lines")
    text_detection_model_name: ModelName | None = Field(None, description="Model that finds lines")
    text_recognition_model_name: ModelName | None = Field(None, description="Model that reads lines")

    @model_validator(mode="after")
    def _is_one_choice(self) -> Self:
        by_language = (self.lang, self.ocr_version) != (None, None)
        if by_language and (self.text_detection_model_name or self.text_recognition_model_name):
            raise ValueError("lang and ocr_version choose the detector and the recogniser; leave out their names")
        return self
