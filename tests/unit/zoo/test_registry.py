"""The data file of models: complete, and consistent in itself."""

from __future__ import annotations

import re

import pytest

from ocr_engine import InvalidRequest
from ocr_engine.zoo.registry import Format, KnownFile, Module, Package, by_name, find, names, registry


def several(pattern: str, *words: str) -> list[str]:
    return [pattern.format(word) for word in words]


V5_LANGUAGES = ("en", "latin", "eslav", "korean", "th", "el", "arabic", "cyrillic", "devanagari", "te", "ta")
V3_LANGUAGES = (
    "en", "korean", "japan", "chinese_cht", "te", "ka", "ta", "latin", "arabic", "cyrillic", "devanagari",
)  # fmt: skip
OFFICIAL = {
    Module.DOC_ORIENTATION: ["PP-LCNet_x1_0_doc_ori"],
    Module.DOC_UNWARPING: ["UVDoc"],
    Module.TEXTLINE_ORIENTATION: [
        "PP-LCNet_x0_25_textline_ori",
        "PP-LCNet_x1_0_textline_ori",
        "ch_ppocr_mobile_v2.0_cls",
    ],
    Module.TEXT_DETECTION: [
        *several("PP-OCRv6_{}_det", "medium", "small", "tiny"),
        *several("PP-OCRv5_{}_det", "server", "mobile"),
        *several("PP-OCRv4_{}_det", "server", "mobile"),
        *several("PP-OCRv3_{}_det", "server", "mobile"),
        *several("PP-OCRv4_{}_seal_det", "server", "mobile"),
    ],
    Module.TEXT_RECOGNITION: [
        *several("PP-OCRv6_{}_rec", "medium", "small", "tiny"),
        *several("PP-OCRv5_{}_rec", "server", "mobile"),
        *several("{}_PP-OCRv5_mobile_rec", *V5_LANGUAGES),
        *several("PP-OCRv4_{}", "server_rec", "mobile_rec", "server_rec_doc"),
        "en_PP-OCRv4_mobile_rec",
        "PP-OCRv3_mobile_rec",
        *several("{}_PP-OCRv3_mobile_rec", *V3_LANGUAGES),
        "ch_SVTRv2_rec",
        "ch_RepSVTR_rec",
    ],
}
MODELS = registry().models
PACKAGES = [(model.name, package) for model in MODELS for package in model.packages]


def files_of(package: Package) -> list[KnownFile]:
    return [file for file in (package.model, package.params, package.config, package.dictionary) if file]


@pytest.mark.parametrize("module", Module)
def test_every_official_name_is_there_and_nothing_else(module: Module) -> None:
    assert sorted(names(module)) == sorted(OFFICIAL[module])


def test_no_name_is_there_twice() -> None:
    assert len({model.name for model in MODELS}) == len(MODELS) == 50


@pytest.mark.parametrize("module", Module)
def test_every_module_has_one_default_and_names_it_first(module: Module) -> None:
    assert sum(model.is_default for model in MODELS if model.module is module) == 1
    assert names(module)[0] == find(module, None).name


def test_every_model_can_be_got_somehow() -> None:
    assert [model.name for model in MODELS if not model.formats] == []


def test_only_recognisers_have_languages_and_all_of_them_have_some() -> None:
    for model in MODELS:
        assert bool(model.languages) == (model.module is Module.TEXT_RECOGNITION), model.name
        assert len(set(model.languages)) == len(model.languages), model.name


def test_the_generations_that_are_published_in_onnx() -> None:
    for model in MODELS:
        if "v3" in model.name or "v4" in model.name or "SVTR" in model.name:
            assert model.official == (Format.PADDLE_PIR,), model.name
        elif model.name != "ch_ppocr_mobile_v2.0_cls":
            assert model.official == (Format.ONNX, Format.PADDLE_PIR), model.name


def test_every_hash_is_whole_and_every_size_is_positive() -> None:
    known = [file for model in MODELS for file in model.known] + [file for _, p in PACKAGES for file in files_of(p)]
    assert len(known) > 30
    for file in known:
        assert re.fullmatch(r"[0-9a-f]{64}", file.sha256), file
        assert file.size_bytes > 0
        assert not file.path.startswith("/")
        assert ".." not in file.path


def test_one_hash_never_stands_for_two_models() -> None:
    owners: dict[str, str] = {}
    for name, package in PACKAGES:
        assert owners.setdefault(package.model.sha256, name) == name


@pytest.mark.parametrize(("name", "package"), PACKAGES)
def test_a_package_with_a_paddle_format_has_its_parameters(name: str, package: Package) -> None:
    assert (package.params is not None) == (package.format is not Format.ONNX), name


def test_the_hosts_come_in_the_order_of_the_reference_and_have_their_places() -> None:
    hosts = registry().hosts
    assert [host.name for host in hosts] == ["huggingface", "aistudio", "modelscope", "bos"]
    for host in hosts:
        assert host.url.startswith("https://")
        assert host.url.count("{repository}") == 1
        assert host.url.count("{file}") == (not host.is_archive)


def test_an_unknown_name_is_an_error_that_names_the_models_of_the_module() -> None:
    with pytest.raises(InvalidRequest, match="it has PP-OCRv6_small_det, "):
        find(Module.TEXT_DETECTION, "UVDoc")
    with pytest.raises(InvalidRequest, match="models list"):
        by_name("PP-OCRv9_huge_det")
    assert by_name("UVDoc").module is Module.DOC_UNWARPING
